import Testing

@testable import ByteExact

/// The table at the top of `Verdict`, row by row.
@Suite struct VerdictTests {
    /// The client sends 1,000 bytes, the backend 500, and both leave in order.
    private static let script: Script = {
        var script = Script(seed: 1, session: 8)
        script.client.bytes = 1000
        script.client.leaving = .finish
        script.backend.bytes = 500
        script.backend.leaving = .finish
        return script
    }()

    private static let client = Outcome(sent: 1000, received: 500, end: .fin, acknowledged: 1000, hasLeft: true)
    private static let backend = Outcome(sent: 500, received: 1000, end: .fin, acknowledged: 500, hasLeft: true)

    private func faults(
        _ script: Script = Self.script, _ client: Outcome = Self.client, _ backend: Outcome? = Self.backend,
        isLate: Bool = false, _ promise: Promise = .all
    ) -> [String] {
        Verdict(script, client: client, backend: backend, isLate: isLate, promise).faults
    }

    @Test func aWholeSessionIsRight() {
        #expect(faults().isEmpty)
    }

    @Test(arguments: [StreamEnd.fin, .reset])
    func aByteThatIsMissingBeforeTheEndIsFound(end: StreamEnd) {
        var client = Self.client
        client.received = 499
        client.end = end
        #expect(faults(Self.script, client).contains("the client got 499 of 500 bytes"))
    }

    @Test func aResetThatNobodySentIsFound() {
        var client = Self.client
        client.end = .reset
        #expect(faults(Self.script, client).contains("the client got a RST that the backend did not send"))
    }

    @Test func whatWasAcknowledgedBeforeAResetMustArrive() {
        var backend = Self.backend
        backend.hasCutOff = true
        backend.acknowledged = 400
        backend.received = 700
        var client = Self.client
        client.end = .reset
        client.received = 400
        #expect(faults(Self.script, client, backend).isEmpty)
        client.received = 399
        #expect(
            faults(Self.script, client, backend)
                == ["the client got 399 bytes, but 400 were acknowledged to the backend before it left"])
        // HAProxy promises it only for a backend that has read everything.
        #expect(faults(Self.script, client, backend, .allOfBackend).isEmpty)
        backend.received = 1000
        #expect(!faults(Self.script, client, backend, .allOfBackend).isEmpty)
    }

    @Test func aSideThatCutsTheSessionOffIsPromisedNothing() {
        var client = Self.client
        client.hasCutOff = true
        client.end = nil
        client.received = 0
        #expect(faults(Self.script, client).isEmpty)
    }

    @Test func aSideIsToldThatTheOtherHasLeft() {
        var script = Self.script
        script.backend.bytes = Script.endless
        var client = Self.client
        client.hasCutOff = true
        client.sentByOther = 1 << 20
        var backend = Self.backend
        backend.sent = client.sentByOther + Verdict.sentTooLateMax
        #expect(faults(script, client, backend).isEmpty)
        backend.sent += 1
        #expect(faults(script, client, backend).count == 1)
    }

    @Test func wrongBytesAndSessionsThatHangAreFound() {
        var client = Self.client
        client.fault = "a wrong byte"
        #expect(faults(Self.script, client) == ["the client got a wrong byte"])
        client = Self.client
        client.hasLeft = false
        #expect(
            faults(Self.script, client, isLate: true) == ["the session does not end: the client did not leave"])
        #expect(
            faults(Self.script, Self.client, nil, isLate: true)
                == ["the session does not end: no backend was connected"])
    }
}
