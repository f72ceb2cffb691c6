import Glibc
import Reactor
import Testing

@testable import Balancer

@Suite struct TokenOwnerTests {
    /// A token has four bits for it.
    @Test func allOwnersHaveRoomInAToken() {
        for owner in TokenOwner.allCases {
            #expect(TokenOwner(rawValue: Token(owner).kind) == owner)
        }
    }
}

@Suite struct WatchdogTests {
    /// The service manager is to hear nothing while one loop stands still.
    @Test func oneLoopThatDoesNotAnswerIsEnough() throws {
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 20000))],
            pools: [.init(backends: [.init(address: .ipv4(0x7F00_0001, port: 8090))])], threads: 3)
        let log = EventLog(.none, output: OutputStream(number: 1), errors: OutputStream(number: 2))
        let board = try Board(configuration, log: log)
        #expect(board.areAllAlive)
        board.requestHeartbeats()
        board.markAlive(2)
        #expect(!board.areAllAlive)
        board.markAlive(1)
        #expect(board.areAllAlive)
        // One that has ended is not asked.
        board.requestHeartbeats()
        board.markAlive(1)
        board.end(2, cut: 0)
        #expect(board.areAllAlive)
    }
}
