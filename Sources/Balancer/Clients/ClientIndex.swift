import Reactor

/// Finds clients by their keys: a hash table with open addressing, whose slots hold the places of clients in a slab.
///
/// A slot has the upper half of the key's hash as well, so that few others than the one that is looked for are
/// compared, and none is read when the table grows or a slot is freed. At most half of the slots are in use: a look-up
/// looks at 2 or 3 of them in the mean (D. Knuth, The Art of Computer Programming 3, 6.4: linear probing). No client
/// can choose addresses that share a slot, since the hash depends on a seed.
///
/// 8 bytes a slot: 16 to 32 a client.
struct ClientIndex: ~Copyable {
    /// Of a slot: the hash's half above, the place below.
    private static let empty = UInt64.max
    private static let slotsMin = 16

    private var slots: Column<UInt64>
    /// How many slots there are, a power of two, minus 1.
    private var mask: Int
    private var count = 0
    private let seed: (UInt64, UInt64, UInt64)

    init(seed: UInt64) {
        self.seed = (SeedWords.word(0, of: seed), SeedWords.word(1, of: seed), SeedWords.word(2, of: seed))
        slots = Column(capacity: 0)
        mask = -1
    }

    /// How many slots there are.
    var slotCount: Int { mask + 1 }

    /// The half of a key's hash that is kept: two rounds of a multiplication to 128 bits whose halves are folded (as in
    /// wyhash, W. Yi, 2019).
    @inline(__always) func tag(of key: ClientKey) -> UInt32 {
        let first = Self.fold(key.high ^ seed.0, key.low ^ seed.1)
        return UInt32(truncatingIfNeeded: Self.fold(first ^ seed.2, seed.1 ^ UInt64(key.length)) >> 32)
    }

    @inline(__always) private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    // MARK: slots

    @inline(__always) private static func slot(_ tag: UInt32, _ place: Int32) -> UInt64 {
        UInt64(tag) << 32 | UInt64(UInt32(bitPattern: place))
    }

    @inline(__always) private static func tag(_ slot: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: slot >> 32) }
    @inline(__always) private static func place(_ slot: UInt64) -> Int { Int(UInt32(truncatingIfNeeded: slot)) }
    @inline(__always) private func home(_ tag: UInt32) -> Int { Int(tag) & mask }

    /// The place of the client with this key; nil when there is none.
    @inline(__always) func find(_ key: ClientKey, tag: UInt32, in clients: borrowing Slab<ClientTable.Client>) -> Int? {
        guard count > 0 else { return nil }
        var position = home(tag)
        while true {
            let slot = slots.value(at: position)
            if slot == Self.empty { return nil }
            if Self.tag(slot) == tag, clients[Self.place(slot)].key == key { return Self.place(slot) }
            position = (position &+ 1) & mask
        }
    }

    /// Makes room for one more. False when there is no memory; everything is as before then.
    ///
    /// - Complexity: O(1) in the mean; O(n) for the one that doubles the slots.
    mutating func makeRoom() -> Bool {
        guard 2 * (count + 1) > slotCount else { return true }
        let wanted = max(Self.slotsMin, 2 * slotCount)
        var larger = Column<UInt64>(capacity: 0)
        guard larger.reserve(wanted) else { return false }
        for position in 0..<wanted { larger.set(Self.empty, at: position) }
        let old = exchange(&slots, with: larger)
        let oldCount = slotCount
        mask = wanted - 1
        for position in 0..<oldCount {
            let slot = old.value(at: position)
            if slot != Self.empty { put(slot) }
        }
        return true
    }

    private mutating func put(_ slot: UInt64) {
        var position = home(Self.tag(slot))
        while slots.value(at: position) != Self.empty { position = (position &+ 1) & mask }
        slots.set(slot, at: position)
    }

    /// Adds the client at a place, whose key is not in yet; there must be room (``makeRoom()``).
    mutating func insert(_ place: Int32, tag: UInt32) {
        put(Self.slot(tag, place))
        count += 1
    }

    /// Removes the client at a place. Those behind move up, so that no slot is left that only says that one was here.
    mutating func remove(_ place: Int32, tag: UInt32) {
        let wanted = Self.slot(tag, place)
        var hole = home(tag)
        while slots.value(at: hole) != wanted {
            if slots.value(at: hole) == Self.empty { return }
            hole = (hole &+ 1) & mask
        }
        var position = hole
        while true {
            position = (position &+ 1) & mask
            let slot = slots.value(at: position)
            if slot == Self.empty { break }
            // It may move up to the hole unless its home lies behind that.
            let way = (position &- home(Self.tag(slot))) & mask
            guard way >= (position &- hole) & mask else { continue }
            slots.set(slot, at: hole)
            hole = position
        }
        slots.set(Self.empty, at: hole)
        count -= 1
    }
}

/// The words that a seed is stretched to: numbers of SplitMix64 (Steele, Lea and Flood, 2014).
private enum SeedWords {
    static func word(_ index: UInt64, of seed: UInt64) -> UInt64 {
        var word = seed &+ (index &+ 1) &* 0x9E37_79B9_7F4A_7C15
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
