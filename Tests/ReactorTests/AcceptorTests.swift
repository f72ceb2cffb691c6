import Glibc
import Reactor
import Testing

private let loopback = SocketAddress.ipv4(0x7F00_0001, port: 0)

/// A kernel whose accepts fail as planned, and then do what Linux does.
private final class RefusingKernel: ForwardingKernel {
    /// What the next accepts fail with.
    var failures: [CInt] = []
    private(set) var accepts = 0

    override func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        accepts += 1
        if !failures.isEmpty { return (-failures.removeFirst(), nil) }
        return super.accept(listener)
    }
}

@Suite struct AcceptorTests {
    @Test func mayAcceptFromTheReportUntilNobodyWaits() throws {
        var acceptor = Acceptor(try Listener(loopback))
        #expect(!acceptor.mayAccept as Bool)
        let client = try Stream(for: acceptor.listener.address, from: nil)
        _ = client.connect(to: acceptor.listener.address)
        acceptor.markReadable()
        #expect(acceptor.mayAccept as Bool)
        let isAccepted = eventually {
            acceptor.markReadable()
            if case .accepted = acceptor.accept() { return true }
            return false
        }
        #expect(isAccepted)
        // An accept that found a client says nothing about others.
        #expect(acceptor.mayAccept as Bool)
        if case .wouldBlock = acceptor.accept() {} else { Issue.record("a second client where there is one") }
        #expect(!acceptor.mayAccept as Bool)
    }

    @Test func failuresLeaveTheReportStanding() throws {
        let kernel = RefusingKernel()
        try withScriptedKernel(kernel) {
            var acceptor = Acceptor(try Listener(loopback))
            acceptor.markReadable()
            kernel.failures = [ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM]
            for _ in 0..<5 {
                switch acceptor.accept() {
                case .aborted: break
                case .exhausted: break
                default: Issue.record("an accept that did not fail")
                }
                // The listener is edge-triggered: those that wait are not reported again.
                #expect(acceptor.mayAccept as Bool)
            }
        }
    }

    @Test func aPauseKeepsWhatWasReported() throws {
        var acceptor = Acceptor(try Listener(loopback))
        acceptor.markReadable()
        #expect(acceptor.pause() as Bool)
        #expect(!acceptor.pause() as Bool)
        #expect(acceptor.isPaused && !acceptor.mayAccept)
        // Arrivals during the pause count after it.
        acceptor.markReadable()
        #expect(!acceptor.mayAccept as Bool)
        #expect(acceptor.resume() as Bool)
        #expect(!acceptor.resume() as Bool)
        #expect(acceptor.mayAccept as Bool)
    }

    @Test func thoseTurnedAwayAtOnceAreBounded() throws {
        let kernel = RefusingKernel()
        try withScriptedKernel(kernel) {
            var acceptor = Acceptor(try Listener(loopback))
            var reserve = ReserveDescriptor()
            kernel.failures = Array(repeating: ECONNABORTED, count: 10 * Acceptor.turnedAwayMax)
            #expect(acceptor.turnAway(with: &reserve) == Acceptor.turnedAwayMax)
            #expect(kernel.accepts == Acceptor.turnedAwayMax)
            kernel.failures = [ECONNABORTED, ECONNABORTED, EAGAIN]
            #expect(acceptor.turnAway(with: &reserve) == 2)
        }
    }
}
