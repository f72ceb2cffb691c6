import Foundation
import Glibc
import Synchronization
import Testing

/// Ports for the programs and servers of a test.
enum Ports {
    /// Below the kernel's default ephemeral range (32768 and up), so that no outgoing connection of another test takes
    /// a port meanwhile, and above the balancer's default port of 20000.
    private static let range: Range<UInt16> = 21_000..<32_000

    private static let next = Mutex<UInt16?>(nil)

    /// A port that no process uses and that no other call in this process returns.
    static func free(at location: SourceLocation = #_sourceLocation) throws -> UInt16 {
        for _ in range {
            let port = advance()
            if try isFree(port, at: location) { return port }
        }
        throw TestFailure("no free port in \(range)", at: location)
    }

    static func free(_ count: Int, at location: SourceLocation = #_sourceLocation) throws -> [UInt16] {
        try (0..<count).map { _ in try free(at: location) }
    }

    /// True when a process listens on this port. Reads the kernel's tables, so that the listener gets no connection.
    static func isListening(_ port: UInt16) -> Bool {
        listensIn("/proc/net/tcp", port) || listensIn("/proc/net/tcp6", port)
    }

    /// The number of established connections to this port, counted at their clients: neither end has received a FIN or
    /// RST.
    static func connectionCount(
        to port: UInt16, at location: SourceLocation = #_sourceLocation
    ) throws -> Int {
        // Not with Foundation, which reads only the first page of a file whose size is 0.
        let descriptor = unsafe open("/proc/net/tcp", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TestFailure("/proc/net/tcp: errno \(errno)", at: location) }
        defer { close(descriptor) }
        var table: [UInt8] = []
        var page = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe page.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            table += page[..<count]
        }
        return String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst().count { row in
            let fields = row.split(separator: " ", maxSplits: 4)
            // State 01 is ESTABLISHED.
            return fields.count > 3 && fields[3] == "01" && fields[2].hasSuffix(suffix(of: port))
        }
    }

    static func waitForListener(
        on port: UInt16, of program: RunningProgram, within limit: Duration = .seconds(10),
        at location: SourceLocation = #_sourceLocation
    ) throws {
        try program.wait("listens on port \(port)", within: limit, at: location) {
            guard program.isRunning else { throw TestFailure("ended instead\n\(program.summary)", at: location) }
            return isListening(port)
        }
    }

    private static func advance() -> UInt16 {
        next.withLock { next in
            // Concurrent runs of the suite begin at distant ports.
            let port = next ?? range.lowerBound + UInt16(truncatingIfNeeded: getpid()) &* 337 % UInt16(range.count)
            next = port + 1 < range.upperBound ? port + 1 : range.lowerBound
            return port
        }
    }

    /// True when the port can be bound on IPv4 and IPv6, so that no old connection lingers on it.
    private static func isFree(_ port: UInt16, at location: SourceLocation) throws -> Bool {
        for host in ["0.0.0.0", "::"] {
            let address = SocketAddress(host, port)
            let socket = try TCPSocket.make(family: address.family, at: location)
            defer { socket.close() }
            socket.setOption(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
            let code = unsafe try address.withPointer(at: location) { unsafe bind(socket.descriptor, $0, $1) }
            if code != 0 { return false }
        }
        return true
    }

    private static func suffix(of port: UInt16) -> String {
        let hexadecimal = String(port, radix: 16, uppercase: true)
        return ":" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
    }

    /// True when the table has a listener on the port. A row is `sl local_address rem_address st ...`, an address is
    /// written `0100007F:1F90`, and state 0A is LISTEN.
    ///
    /// The kernel lists listeners first, and returns a page at each read. The rows of connections after them, which may
    /// be thousands, are not read.
    private static func listensIn(_ table: String, _ port: UInt16) -> Bool {
        let suffix = suffix(of: port)
        let descriptor = unsafe open(table, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var page = [UInt8](repeating: 0, count: 16_384)
        var isHeading = true
        while true {
            // The kernel does not split a row between two reads into such a large buffer.
            let count = unsafe page.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            for row in String(decoding: page[..<count], as: UTF8.self).split(separator: "\n") {
                let fields = row.split(separator: " ", maxSplits: 4)
                defer { isHeading = false }
                if isHeading || fields.count < 4 { continue }
                if fields[3] != "0A" { return false }
                if fields[1].hasSuffix(suffix) { return true }
            }
        }
    }
}
