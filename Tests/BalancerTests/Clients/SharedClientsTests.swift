import Reactor
import Synchronization
import TestSupport
import Testing

@testable import Balancer

@Suite struct SharedClientsTests {
    /// Loops that admit and let go at the same time: never more than the limit are inside of one client, and nobody is
    /// left at the end.
    @Test(arguments: [1, 4] as [Int32]) func theLimitHoldsForTheSum(max: Int32) throws {
        let trial = Trial(max: max)
        try Self.run(loops: 4) { trial.serve($0, rounds: 200_000) }
        #expect(trial.mostInside.load(ordering: .relaxed) <= Int(max))
        #expect(trial.admitted.load(ordering: .relaxed) > 0)
        #expect(trial.clients.counts == SharedClients.Counts(sessions: 0, waiting: 0, entries: 0, idle: 0))
    }

    /// With a clock that stands the burst is taken, by all loops together, and what several have seen at once is owed.
    @Test func theRateHoldsForTheSum() throws {
        let rate = SharedRate(Rate(count: 1, per: .seconds(1)), burst: 100_000, now: 5)
        let taken = Atomic(0)
        try Self.run(loops: 4) { _ in
            for _ in 0..<50_000 where rate.wait(now: 5) == 0 {
                rate.charge(now: 5)
                taken.add(1, ordering: .relaxed)
            }
        }
        let sum = taken.load(ordering: .relaxed)
        #expect((100_000...100_003).contains(sum))
        // By then all that is owed has come.
        #expect(rate.wait(now: 5 + UInt64(sum - 100_000) * 1_000_000_000) == 1_000_000_000)
    }

    @Test func whatIsOwedComesFirst() {
        let rate = SharedRate(Rate(count: 1, per: .seconds(1)), burst: 1, now: 0)
        for _ in 0..<3 { rate.charge(now: 0) }
        #expect(rate.wait(now: 1_000_000_000) == 1_000_000_000)
        #expect(rate.wait(now: 2_000_000_000) == 1_000_000_000)
        #expect(rate.wait(now: 3_000_000_000) == 0)
        rate.charge(now: 3_000_000_000)
        rate.giveBack()
        #expect(rate.wait(now: 3_000_000_000) == 0)
    }

    @Test func aRateThatComesAndGoes() {
        let rate = SharedRate(nil, now: 0)
        for _ in 0..<100 { rate.charge(now: 0) }
        #expect(rate.wait(now: 0) == 0)
        rate.change(to: Rate(count: 1, per: .seconds(1)), burst: 2, now: 0)
        rate.charge(now: 0)
        #expect(rate.wait(now: 0) == 0)
        rate.charge(now: 0)
        #expect(rate.wait(now: 0) == 1_000_000_000)
        rate.change(to: Rate(count: 1, per: .seconds(2)), burst: 5, now: 0)
        #expect(rate.wait(now: 0) == 2_000_000_000)
        rate.change(to: nil, now: 0)
        #expect(rate.wait(now: 0) == 0)
    }

    private static func run(loops: Int, _ body: @escaping @Sendable (Int) -> Void) throws {
        var threads = Slab<LoopThread>(capacity: loops)
        for loop in 0..<loops { _ = threads.insert(try LoopThread(name: "loop \(loop)") { body(loop) }) }
        for place in 0..<loops { threads.remove(at: place).join() }
    }
}

private final class Trial: Sendable {
    static let clientCount = 3
    let clients: SharedClients
    let inside: [Cell]
    let mostInside = Atomic(0)
    let admitted = Atomic(0)

    final class Cell: Sendable { let count = Atomic(0) }

    init(max: Int32) {
        clients = SharedClients(ClientTable.Settings(sessionsMax: max), seed: 9)
        inside = (0..<Self.clientCount).map { _ in Cell() }
    }

    func serve(_ loop: Int, rounds: Int) {
        var dice = SplitMix64(seed: UInt64(loop))
        var mine: [(Int, ClientTable.Entry)] = []
        var held: [ClientTable.Entry] = []
        for _ in 0..<rounds {
            let client = Int.random(in: 0..<Self.clientCount, using: &dice)
            let address = SocketAddress.ipv4(UInt32(client), port: 0)
            switch Int.random(in: 0..<4, using: &dice) {
            case 0:
                guard case .admitted(let entry) = clients.admit(address, now: 0) else { break }
                let now = inside[client].count.add(1, ordering: .relaxed).newValue
                mostInside.max(now, ordering: .relaxed)
                admitted.add(1, ordering: .relaxed)
                mine.append((client, entry))
            case 1: clients.hold(address).map { held.append($0) }
            case 2: held.popLast().map { clients.release($0) }
            default: leave(mine.popLast())
            }
        }
        while let last = mine.popLast() { leave(last) }
        while let last = held.popLast() { clients.release(last) }
    }

    private func leave(_ session: (Int, ClientTable.Entry)?) {
        guard let (client, entry) = session else { return }
        inside[client].count.subtract(1, ordering: .relaxed)
        clients.leave(entry)
    }
}
