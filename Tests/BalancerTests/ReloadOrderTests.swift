import Reactor
import Testing

@testable import Balancer

/// Reloads that come faster than all loops take them over.
@Suite struct ReloadOrderTests {
    /// Two loops on this thread, which take turns as the test says, and what asks them for something.
    private struct Pair: ~Copyable {
        var first: BalancerLoop
        var second: BalancerLoop
        let control: ControlChannel
        let shared: SharedState

        init(_ configuration: Configuration) throws {
            let control = try ControlChannel()
            let shared = SharedState(configuration)
            try shared.bindListeners(configuration)
            let log = EventLog(.none, output: OutputStream(number: 1), errors: OutputStream(number: 2))
            let board = try Board(configuration, log: log)
            let first = try BalancerLoop(
                configuration, clock: .monotonic, shared, seat: Seat(board: board, loop: 0),
                ProcessDuties(control: control), LoopLog(sharing: board.log))
            let second = try BalancerLoop(
                configuration, clock: .monotonic, shared, seat: Seat(board: board, loop: 1), nil,
                LoopLog(sharing: board.log))
            self.control = control
            self.shared = shared
            self.first = first
            self.second = second
        }

        /// How many listeners each loop has.
        var listeners: [Int] { [first.admission.listeners.count, second.admission.listeners.count] }
    }

    private static func configuration(_ listeners: [SocketAddress], pool: Configuration.Pool) throws -> Configuration {
        try Configuration(listeners: listeners.map { .init(address: $0) }, pools: [pool], log: .none, threads: 2)
    }

    private static func pool(_ name: String = "web", isDiscovered: Bool = false) -> Configuration.Pool {
        var health = Configuration.HealthCheck()
        health.kind = .none
        return .init(
            name: name, backends: isDiscovered ? [] : [.init(address: listed)], isDiscovered: isDiscovered,
            health: health)
    }

    private static let listed = SocketAddress.ipv4(0x7F00_0001, port: 7)
    private static let found = SocketAddress.ipv4(0x7F00_0001, port: 9)

    private static func here(_ number: UInt32) -> SocketAddress { .ipv4(0x7F00_0000 + number, port: 0) }

    /// What became of a reload: nil while it waits.
    private final class Answer: Sendable {
        private let result = Guarded<Result<ReloadSummary, ReloadError>?>(nil)
        var value: Result<ReloadSummary, ReloadError>? { result.withLock { $0 } }
        var isSuccess: Bool? { value.map { (try? $0.get()) != nil } }

        func post(_ configuration: Configuration, to control: ControlChannel) {
            control.post(.configuration(configuration) { answer in self.result.withLock { $0 = answer } })
        }
    }

    /// The second one cannot be bound. That takes nothing of the first one from the loop that has not come to it yet.
    @Test func aReloadWaitsForAllLoopsToHaveTheOneBefore() throws {
        let pool = Self.pool()
        var pair = try Pair(Self.configuration([Self.here(1)], pool: pool))
        let holder = try Listener(Self.here(3))
        let (accepted, refused) = (Answer(), Answer())
        accepted.post(try Self.configuration([Self.here(1), Self.here(2)], pool: pool), to: pair.control)
        refused.post(try Self.configuration([Self.here(1), holder.address], pool: pool), to: pair.control)
        for _ in 0..<5 { try pair.first.turn(.immediately) }
        #expect(accepted.isSuccess == true)
        #expect(refused.isSuccess == nil)
        let early = pair.listeners
        #expect(early == [2, 1])
        for _ in 0..<5 {
            try pair.second.turn(.immediately)
            try pair.first.turn(.immediately)
        }
        #expect(refused.isSuccess == false)
        let late = pair.listeners
        #expect(late == [2, 2])
    }

    /// The list comes for a pool that the loop takes over in its next turn only.
    @Test func aListOfANewPoolIsNotLost() throws {
        var pair = try Pair(Self.configuration([Self.here(1)], pool: Self.pool()))
        let answer = Answer()
        answer.post(
            try Self.configuration([Self.here(1)], pool: Self.pool("found", isDiscovered: true)), to: pair.control)
        pair.control.post(.backends([.init(address: Self.found)], pool: "found"))
        for _ in 0..<3 {
            try pair.first.turn(.immediately)
            try pair.second.turn(.immediately)
        }
        let found = pair.shared.roster.current().pools.map { ($0.name, $0.targets.compactMap(\.address)) }
        #expect(found.count == 1 && found[0].0 == "found" && found[0].1 == [Self.found])
    }

    /// A list that was asked for before the file has said otherwise is late.
    @Test func aListOfAPoolThatIsListedByNowIsLate() throws {
        var pair = try Pair(Self.configuration([Self.here(1)], pool: Self.pool(isDiscovered: true)))
        Answer().post(try Self.configuration([Self.here(1)], pool: Self.pool()), to: pair.control)
        pair.control.post(.backends([.init(address: Self.found)], pool: "web"))
        for _ in 0..<3 {
            try pair.first.turn(.immediately)
            try pair.second.turn(.immediately)
        }
        let addresses = pair.shared.roster.current().pools[0].targets.compactMap(\.address)
        #expect(addresses == [Self.listed])
    }
}
