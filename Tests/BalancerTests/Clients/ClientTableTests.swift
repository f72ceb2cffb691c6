import Reactor
import TestSupport
import Testing

@testable import Balancer

/// One case each; through ``SharedClients``, which adds the lock and nothing else.
@Suite struct ClientTableTests {
    private static func settings(sessionsMax: Int32? = nil, rate: Rate? = nil, burst: Int? = nil)
        -> ClientTable.Settings
    {
        ClientTable.Settings(sessionsMax: sessionsMax, rate: rate, burst: burst)
    }

    private static let slow = Rate(count: 1, per: .seconds(3600))

    private static func client(_ number: Int) -> SocketAddress { .ipv4(UInt32(number), port: 1) }

    private static func entry(_ verdict: ClientTable.Verdict) -> ClientTable.Entry? {
        if case .admitted(let entry) = verdict { entry } else { nil }
    }

    @Test func sessionsAtTheSameTime() throws {
        let table = SharedClients(Self.settings(sessionsMax: 2), seed: 1)
        let first = table.admit(Self.client(1), now: 0)
        _ = table.admit(Self.client(1), now: 0)
        let third = table.admit(Self.client(1), now: 0)
        let other = table.admit(Self.client(2), now: 0)
        #expect(third == .tooMany && other != .tooMany)
        table.leave(try #require(Self.entry(first)))
        let again = table.admit(Self.client(1), now: 0)
        #expect(Self.entry(again) != nil)
        #expect(table.counts.sessions == 3 && table.counts.entries == 2)
    }

    /// Refused for its sessions, a client keeps its token.
    @Test func whoHasTooManyTakesNoToken() throws {
        let table = SharedClients(Self.settings(sessionsMax: 1, rate: Self.slow, burst: 2), seed: 1)
        let first = try #require(Self.entry(table.admit(Self.client(1), now: 0)))
        for _ in 0..<5 { #expect(table.admit(Self.client(1), now: 0) == .tooMany) }
        table.leave(first)
        let second = try #require(Self.entry(table.admit(Self.client(1), now: 0)))
        table.leave(second)
        #expect(table.admit(Self.client(1), now: 0) == .tooFast(wait: 3_600_000_000_000))
    }

    @Test func whoHasNoAddressHasNoLimit() {
        let table = SharedClients(Self.settings(sessionsMax: 1, rate: Self.slow), seed: 1)
        for _ in 0..<5 { #expect(table.admit(.unix(path: ""), now: 0) == .admitted(.none)) }
        #expect(table.hold(.unix(path: "")) == ClientTable.Entry.none)
        table.leave(.none)
        table.release(.none)
        #expect(table.counts.entries == 0 && table.counts.sessions == 0)
    }

    @Test func withoutALimitNothingIsCounted() {
        let table = SharedClients(Self.settings(), seed: 1)
        #expect(table.admit(Self.client(1), now: 0) == .admitted(.none))
        #expect(table.hold(Self.client(1)) == ClientTable.Entry.none)
        #expect(table.counts.entries == 0)
    }

    /// What is given back twice, or too late, is nobody else's.
    @Test func anEntryIsGivenBackOnce() throws {
        let table = SharedClients(Self.settings(sessionsMax: 5), seed: 1)
        let first = try #require(Self.entry(table.admit(Self.client(1), now: 0)))
        table.leave(first)
        let second = try #require(Self.entry(table.admit(Self.client(2), now: 0)))
        table.leave(first)
        table.release(second)
        #expect(table.counts.sessions == 1)
        table.leave(second)
        table.leave(second)
        #expect(table.counts.sessions == 0 && table.counts.entries == 0 && table.counts.waiting == 0)
    }

    /// From one address after the other, with a rate that fills no bucket: what is remembered stays bounded, and those
    /// who are there are not forgotten.
    @Test func theOldestIdleGoes() throws {
        let table = SharedClients(Self.settings(sessionsMax: 3, rate: Self.slow, burst: 1), idleMax: 10, seed: 1)
        let present = try #require(Self.entry(table.admit(Self.client(0), now: 0)))
        for number in 1...1000 {
            table.leave(try #require(Self.entry(table.admit(Self.client(number), now: 0))))
            #expect(table.counts.entries == 1 + min(number, 10))
        }
        for number in 991...1000 {
            let verdict = table.admit(Self.client(number), now: 0)
            #expect(verdict == .tooFast(wait: 3_600_000_000_000), "\(number)")
        }
        // 990 has been forgotten. In its turn it makes 991 be forgotten, not 0, which is there.
        table.leave(try #require(Self.entry(table.admit(Self.client(990), now: 0))))
        #expect(Self.entry(table.admit(Self.client(991), now: 0)) != nil)
        #expect(table.admit(Self.client(0), now: 0) == .tooFast(wait: 3_600_000_000_000))
        table.leave(present)
        #expect(table.admit(Self.client(0), now: 0) == .tooFast(wait: 3_600_000_000_000))
    }

    /// Who is refused all the time is not the oldest.
    @Test func whoComesTooFastIsRemembered() throws {
        let table = SharedClients(Self.settings(rate: Self.slow, burst: 1), idleMax: 2, seed: 1)
        for number in 0..<100 {
            let mine = table.admit(Self.client(1000), now: 0)
            #expect(number == 0 || mine == .tooFast(wait: 3_600_000_000_000))
            if let entry = Self.entry(mine) { table.leave(entry) }
            table.leave(try #require(Self.entry(table.admit(Self.client(number), now: 0))))
        }
    }

    @Test func whoMayWait() throws {
        let table = SharedClients(Self.settings(rate: Self.slow, burst: 2), seed: 1)
        let first = try #require(table.hold(Self.client(1)))
        #expect(table.hold(Self.client(1)) != nil)
        #expect(table.hold(Self.client(1)) == nil)
        #expect(table.counts.waiting == 2 && table.counts.idle == 0)
        table.release(first)
        #expect(table.hold(Self.client(1)) != nil)
        table.change(Self.settings(sessionsMax: 3, rate: Self.slow, burst: 2))
        #expect(table.hold(Self.client(1)) != nil)
        #expect(table.hold(Self.client(1)) == nil)
    }

    @Test func sessionsStayCountedWhenPrefixesChange() throws {
        var settings = Self.settings(sessionsMax: 1)
        let table = SharedClients(settings, seed: 1)
        let old = try #require(Self.entry(table.admit(Self.client(0), now: 0)))
        settings.prefix4 = 24
        table.change(settings)
        let new = try #require(Self.entry(table.admit(Self.client(0), now: 0)))
        #expect(table.admit(Self.client(255), now: 0) == .tooMany)
        settings.prefix4 = 32
        table.change(settings)
        #expect(table.admit(Self.client(0), now: 0) == .tooMany)
        table.leave(new)
        #expect(table.admit(Self.client(0), now: 0) == .tooMany)
        table.leave(old)
        #expect(Self.entry(table.admit(Self.client(0), now: 0)) != nil)
    }

    /// Many at a time, through several doublings, leaving in any order; entries stay valid.
    @Test func growth() throws {
        var dice = SplitMix64(seed: 3)
        let table = SharedClients(Self.settings(sessionsMax: 1), seed: 3)
        var entries: [(Int, ClientTable.Entry)] = []
        for number in 0..<20_000 {
            entries.append((number, try #require(Self.entry(table.admit(Self.client(number * 7), now: 0)))))
        }
        for number in 0..<20_000 { #expect(table.admit(Self.client(number * 7), now: 0) == .tooMany) }
        entries.shuffle(using: &dice)
        for (number, entry) in entries {
            table.leave(entry)
            guard let again = Self.entry(table.admit(Self.client(number * 7), now: 0)) else {
                Issue.record("seed 3: \(number) is counted after its end")
                return
            }
            table.leave(again)
        }
        #expect(table.counts.entries == 0 && table.counts.sessions == 0)
    }

    /// Without memory nobody new is counted, unless an idle client is forgotten for it; nothing that is there is lost.
    @Test func withoutMemory() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let table = SharedClients(Self.settings(sessionsMax: 1, rate: Self.slow, burst: 1), seed: 1)
            kernel.isOutOfMemory = true
            #expect(table.admit(Self.client(1), now: 0) == .noMemory)
            #expect(table.hold(Self.client(1)) == nil)
            #expect(table.counts == SharedClients.Counts(sessions: 0, waiting: 0, entries: 0, idle: 0))
            kernel.isOutOfMemory = false
            var entries: [ClientTable.Entry] = []
            entries.append(try #require(Self.entry(table.admit(Self.client(0), now: 0))))
            kernel.isOutOfMemory = true
            while let entry = Self.entry(table.admit(Self.client(entries.count), now: 0)) { entries.append(entry) }
            #expect(table.admit(Self.client(entries.count), now: 0) == .noMemory)
            #expect(table.counts.entries == entries.count)
            table.leave(entries[0])
            #expect(table.counts.idle == 1)
            #expect(Self.entry(table.admit(Self.client(entries.count), now: 0)) != nil)
            #expect(table.counts.idle == 0 && table.counts.sessions == entries.count)
            for number in 1..<entries.count { #expect(table.admit(Self.client(number), now: 0) == .tooMany) }
            kernel.isOutOfMemory = false
            #expect(Self.entry(table.admit(Self.client(0), now: 0)) != nil)
        }
    }

    /// Addresses in a row, or far apart in one part only, spread over the slots as random numbers would: of 2^17 slots
    /// 2^16 clients have 51,573 as their first.
    @Test func clientsSpread() throws {
        let indexes = [ClientIndex.tags(seed: 1), ClientIndex.tags(seed: 2)]
        let keys: [(UInt64) -> ClientKey] = [
            { ClientKey(high: 0, low: 0xFFFF_0000_0000 | $0, length: 128) },
            { ClientKey(high: 0, low: 0xFFFF_0000_0000 | $0 << 16, length: 112) },
            { ClientKey(high: $0 << 48, low: 0, length: 64) },
            { ClientKey(high: 0xFD00_0000_0000_0000 | $0, low: 0, length: 64) },
            { ClientKey(high: $0 << 24, low: $0 << 40, length: 128) },
        ]
        for (place, key) in keys.enumerated() {
            let all = (0..<UInt64(1) << 16).map(key)
            let slots = indexes.map { tag in all.map { tag($0) & 0x1_FFFF } }
            for slots in slots { #expect((51_000...52_200).contains(Set(slots).count), "\(place)") }
            #expect(zip(slots[0], slots[1]).count { $0 == $1 } < 10, "\(place): no other seed, no other slots")
        }
    }

    @Test func bytesOfAnEntry() {
        #expect(MemoryLayout<ClientTable.Client>.stride == 48)
        #expect(MemoryLayout<ClientTable.Entry>.size == 8)
    }
}

extension ClientIndex {
    /// The tags of keys by an index with this seed.
    fileprivate static func tags(seed: UInt64) -> (ClientKey) -> UInt32 {
        { ClientIndex(seed: seed).tag(of: $0) }
    }
}
