import Glibc
import Reactor
import Testing

@testable import Chat

/// Many clients that read too slowly, each of them less far behind than one may be.
@Suite struct ChatBacklogsTests {
    private let lines: LinePipe
    private let errors: LinePipe

    init() throws {
        Signals.ignoreFailedWrites()
        lines = try LinePipe()
        errors = try LinePipe()
    }

    private static let silentMax = 80

    @Test func theFurthestBehindAreDisconnectedWhenTooMuchWaitsInAll() throws {
        var server = try ChatServer(
            port: 0, output: lines.log(), errors: errors.log(), clock: .manual(ManualClock()),
            clientsMax: Self.silentMax + 2)
        let talker = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        var silent = Slab<TestClient>(capacity: Self.silentMax)
        for count in 1...Self.silentMax {
            let client = try TestClient(to: server)
            // A small buffer, so that the server's backlog is what fills up.
            var size: CInt = 4096
            _ = unsafe setsockopt(
                client.stream.number, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
            _ = silent.insert(client)
            try server.serve { $0.clientCount == 1 + count }
        }
        let block = [UInt8](repeating: UInt8(ascii: "\n"), count: 60_000)
        var largest = 0
        var report = ""
        // Far more than the sockets hold and one backlog may.
        for _ in 0..<200 where report.isEmpty {
            var (sent, echoed) = (0, 0)
            try server.serve { server in
                sent += talker.send(Array(block[sent...]))
                echoed += talker.receive().bytes.count
                largest = max(largest, server.backlogs.bytes)
                return echoed == block.count
            }
            report += errors.text()
        }
        let expected =
            "more than 67108864 bytes wait for all clients that read too slowly: those furthest behind are disconnected"
        #expect(report.split(separator: "\n").map(String.init) == [expected])
        #expect(largest <= ChatServer.backlogsBytesMax)
        #expect(server.clientCount < 1 + Self.silentMax)
        #expect(server.clientCount > 1)

        let disconnected = 1 + Self.silentMax - server.clientCount
        // The others leave, and their backlogs with them.
        silent = Slab(capacity: 0)
        try server.serve { $0.backlogs.bytes == 0 }
        #expect(
            errors.text() == "less than half of that waits again; clients disconnected meanwhile: \(disconnected)\n")
    }
}
