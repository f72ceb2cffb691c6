import Foundation
import Glibc
import Reactor
import Testing

@testable import Discovery

/// dnsmasq, on a free port of 127.0.0.1, with the records that its options name; it ends with this value.
struct Dnsmasq: ~Copyable {
    let address: SocketAddress
    private let process: Process

    /// Where it is; nil when it is not installed.
    static let path: String? = {
        let folders = (Environment.value("PATH") ?? "").split(separator: ":").map(String.init) + ["/usr/sbin"]
        return folders.map { $0 + "/dnsmasq" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// Starts it, and waits until it answers.
    init(_ options: [String]) throws {
        for _ in 0..<5 {
            let address = try ScriptedServer.nobody()
            let process = try Self.start(options, port: address.port)
            if Self.answers(address, process) {
                self.address = address
                self.process = process
                return
            }
            Self.end(process)
        }
        throw Errno(rawValue: EADDRINUSE)
    }

    deinit { Self.end(process) }

    private static func start(_ options: [String], port: UInt16) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path))
        // --no-daemon: it stays the child that it is, as the user that runs the test.
        process.arguments =
            [
                "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                "--listen-address=127.0.0.1", "--port=\(port)", "--local=/example.test/",
            ] + options
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// False when it has ended, as when another program was faster to take the port.
    private static func answers(_ address: SocketAddress, _ process: Process) -> Bool {
        var settings = NameServerSettings(servers: [address])
        settings.timeout = .milliseconds(100)
        guard let name = try? SoughtName("ready.example.test.") else { return false }
        for _ in 0..<1000 {
            guard process.isRunning else { return false }
            if case .unknown = NameClient(settings, families: .ipv4).addresses(of: name) { return true }
            _ = poll(nil, 0, 5)
        }
        return false
    }

    /// SIGKILL: a child has the signals blocked that the thread had which started it, and the threads of tests block
    /// SIGTERM. Its end is not waited for: Foundation waits for all children on one thread, one after the other, once they
    /// have closed what they inherited; dnsmasq does that at its start, so the end of one would wait for that of another.
    private static func end(_ process: Process) {
        kill(process.processIdentifier, SIGKILL)
    }
}
