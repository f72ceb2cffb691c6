import Glibc
import Reactor
import Testing

@testable import Balancer

/// The lines about failed probes, on streams that lead to one reader or to two.
@Suite struct EventLogTests {
    private static let address = SocketAddress.ipv4(0x0A00_0005, port: 8090)
    private static let name = HostName(host: "server1", port: 8090, preferredFamily: AF_INET)
    private static let refused = ProbeFailure.error(.connectionRefused)

    /// What a log prints on standard output and standard error; with `merged` streams everything is in the first.
    private func printed(
        _ mode: LogMode, merged: Bool = false, _ write: (inout EventLog) -> Void
    ) throws -> (output: String, errors: String) {
        let output = try Pipe()
        let errors = try Pipe()
        var log = EventLog(
            mode, output: OutputStream(number: output.inputNumber),
            errors: OutputStream(number: merged ? output.inputNumber : errors.inputNumber))
        write(&log)
        log.flush()
        return (
            String(decoding: output.read(atMost: 4096), as: UTF8.self),
            String(decoding: errors.read(atMost: 4096), as: UTF8.self)
        )
    }

    @Test(arguments: [
        (refused, "connection refused: Connection refused"),
        (.timeout, "connection timeout: Operation now in progress"),
    ])
    func onOneStreamTheGuidesCauseStandsAloneBeforeItsResult(failure: ProbeFailure, cause: String) throws {
        let text = try printed(.guide, merged: true) {
            $0.probeFailed(.address(Self.address), named: Self.name, failure, .bad(changed: true), fall: 4)
        }
        #expect(text.output == "\(cause)\nIP: <10.0.0.5>, Port : <8090> Server is bad\n")
    }

    @Test func onAStreamOfItsOwnTheGuidesCauseNamesItsBackend() throws {
        let text = try printed(.guide) {
            $0.probeFailed(.address(Self.address), named: nil, Self.refused, .bad(changed: true), fall: 4)
            $0.probeFailed(.address(Self.address), named: Self.name, .timeout, .bad(changed: false), fall: 4)
            $0.probeFailed(.name(Self.name), named: Self.name, .noAddress("Unknown"), .bad(changed: false), fall: 4)
        }
        #expect(
            text.errors == """
                connection refused: Connection refused (10.0.0.5:8090)
                connection timeout: Operation now in progress (server1:8090 at 10.0.0.5:8090)
                unknown host: Unknown (server1:8090)

                """)
        #expect(text.output.split(separator: "\n").allSatisfy { $0.hasSuffix("Server is bad") })
    }

    @Test(arguments: [LogMode.changes, .sessions], [true, false])
    func theOtherModesNameBackendAddressAndCount(mode: LogMode, merged: Bool) throws {
        let text = try printed(mode, merged: merged) {
            $0.probeFailed(.address(Self.address), named: Self.name, Self.refused, .bad(changed: true), fall: 4)
            $0.probeFailed(.address(Self.address), named: Self.name, Self.refused, .bad(changed: false), fall: 4)
            $0.probeFailed(.address(Self.address), named: nil, .timeout, .dead(changed: true), fall: 4)
            $0.probeFailed(.name(Self.name), named: Self.name, .noAddress("Unknown"), .dead(changed: true), fall: 2)
        }
        let causes = (merged ? text.output : text.errors).split(separator: "\n").filter { !$0.hasPrefix("IP") }
        #expect(
            causes == [
                "balancer: probe of server1:8090 at 10.0.0.5:8090 failed, 1 in a row: Connection refused",
                "balancer: probe of 10.0.0.5:8090 failed, 4 in a row: no answer within the probe timeout",
                "balancer: probe of server1:8090 failed, 2 in a row: unknown host: Unknown",
            ])
    }
}
