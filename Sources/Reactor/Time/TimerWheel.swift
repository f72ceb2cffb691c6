/// A timer of a ``TimerWheel``: its place there.
@frozen public struct TimerID: Hashable, Sendable {
    /// The place; -1 of ``none``.
    public let index: Int32

    @usableFromInline init(index: Int32) { self.index = index }

    /// No timer.
    @inlinable public static var none: TimerID { TimerID(index: -1) }
    /// False of ``none``.
    @inlinable public var exists: Bool { index >= 0 }
}

/// Deadlines in a hierarchical wheel: six levels of 64 slots, the lowest of one millisecond.
///
/// ```
///  level 0   64 slots of    1 ms   what is due within     64 ms
///  level 1   64 slots of   64 ms                           4.1 s
///  level 2   64 slots of  4.1 s                            4.4 min
///  level 3   64 slots of  4.4 min                          4.7 h
///  ...                                                     2.2 years (the limit: later deadlines come round again)
/// ```
///
/// A timer stands in the slot of its deadline; when time reaches a slot of a higher level, its timers move down. A
/// timer never fires early, and at most one millisecond late by the wheel's own doing. Which slots hold anything is
/// kept in one 64-bit word per level. Sources: Varghese and Lauck 1987; the shape is that of tokio's and Linux's.
///
/// No call takes long, however many timers stand in one slot. Whole lists change their place at once:
///
/// ```
///   slot of level 0 ------------(time is there)------------> due ---> popDue
///                                                             ^
///   armed for a time that has passed ---> late --(its turn)---+
///                                          ^
///   slot of a higher level --> moving -----+---> slots of lower levels      at most `movesMax` timers in one call
/// ```
///
/// `due` is emptied before it is filled again, and late timers and slots fill it in turns: so no timer is passed over,
/// also when those that fire are armed again at once.
///
/// Memory for `capacity` timers is reserved at the start; a wheel that needs more doubles it. Who may need more than there
/// is memory for calls ``makeRoom()`` before: to add a timer without memory is a mistake.
/// Pure: it reads no clock.
/// - Complexity: `arm` and `disarm` O(1); `popDue` O(levels) amortised, and never more than ``movesMax`` steps.
@safe public struct TimerWheel: ~Copyable {
    static let levels = 6
    static let slotBits = 6
    static let slots = 1 << slotBits
    /// The farthest deadline from now, in ticks: one slot of the highest level less than all of them, so that nothing
    /// is ever put into the slot in which time stands.
    static let horizon: UInt64 = 63 << UInt64((levels - 1) * slotBits)
    static let tickNanoseconds: UInt64 = 1_000_000
    /// How many timers move down in one call. A move takes 20 to 60 ns (measured, by whether the timer is in the cache).
    static let movesMax = 512

    /// 24 bytes, of which every session has one.
    private struct Node {
        var deadline: UInt64
        var token: Token
        var next: Int32
        /// The one before it in its list or, below zero: one of the states, or that it is the first of a list.
        var previous: Int32

        static let idle: Int32 = -1
        /// Removed; its place waits for the next timer.
        static let gone: Int32 = -2
        static func first(of list: Int) -> Int32 { -3 - Int32(list) }

        var isArmed: Bool { previous >= 0 || previous <= Node.first(of: 0) }
        /// The list that it is the first of.
        var list: Int { -3 - Int(previous) }
    }

    /// Lists past the slots. Timers that are due.
    private static let due = levels * slots
    /// Timers that were due when they were armed, or moved down.
    private static let late = due + 1
    /// The timers of a slot that has been reached, and that have not moved down yet. Until they have, time stands still
    /// for the wheel.
    private static let moving = due + 2
    private static let lists = due + 3

    private var nodes: UnsafeMutablePointer<Node>
    /// The first node of each list; -1 for none.
    private let heads: UnsafeMutablePointer<Int32>
    private var occupied: InlineArray<6, UInt64> = .init(repeating: 0)
    private var firstFree: Int32 = -1
    private var highWater: Int32 = 0
    /// Ticks since the zero of the clock: everything at or before it is in the due list or has fired.
    private var elapsed: UInt64
    /// No slot starts before this tick: most turns need to know no more. It may be too early, since disarming leaves
    /// it.
    private var quietUntil = UInt64.max
    /// The late timers are next, before those of a slot.
    private var isLateNext = true

    /// How many timers there is memory for.
    private var capacity = 0

    /// A wheel that stands at `now`, with memory for `capacity` timers, as far as there is memory.
    public init(capacity: Int, now: Instant) {
        precondition(capacity >= 0 && capacity <= 4 * Token.indexLimit, "a timer wheel's capacity is 0 to 2^26")
        elapsed = now.nanoseconds / Self.tickNanoseconds
        unsafe nodes = Reserve.none(of: Node.self)
        unsafe heads = .allocate(capacity: Self.lists)
        unsafe heads.initialize(repeating: -1, count: Self.lists)
        _ = enlarge(to: max(capacity, 1))
    }

    deinit {
        unsafe Reserve.free(nodes, room: capacity)
        unsafe heads.deallocate()
    }

    /// True while there is memory for one more timer; `makeRoom` may find more.
    @inline(__always) public var hasRoom: Bool { firstFree >= 0 || Int(highWater) < capacity }

    /// Reserves memory for one more timer if there is none; false when that fails.
    public mutating func makeRoom() -> Bool { hasRoom || enlarge(to: max(Self.stepMin, 2 * capacity)) }

    /// Makes a timer that will report `token`; it is not armed.
    public mutating func add(_ token: Token) -> TimerID {
        let index: Int32
        if firstFree >= 0 {
            index = firstFree
            firstFree = unsafe nodes[Int(index)].next
        } else {
            precondition(makeRoom(), "no memory for one more timer")
            index = highWater
            highWater += 1
        }
        unsafe (nodes + Int(index)).initialize(
            to: Node(deadline: 0, token: token, next: -1, previous: Node.idle))
        return TimerID(index: index)
    }

    @inline(never) private mutating func enlarge(to wanted: Int) -> Bool {
        guard unsafe Reserve.enlarge(&nodes, room: capacity, to: wanted) else { return false }
        capacity = wanted
        return true
    }

    /// The smallest step by which the reserve grows: below it each step would cost more than it saves.
    private static let stepMin = 16

    /// Gives a timer another token.
    public mutating func set(_ timer: TimerID, _ token: Token) {
        unsafe nodes[Int(timer.index)].token = token
    }

    /// Takes a timer away, armed or not. The none timer is ignored.
    public mutating func remove(_ timer: TimerID) {
        guard timer.exists else { return }
        disarm(timer)
        unsafe nodes[Int(timer.index)].previous = Node.gone
        unsafe nodes[Int(timer.index)].next = firstFree
        firstFree = timer.index
    }

    /// Arms a timer for `deadline`, or moves it there. A deadline that has passed fires at the next ``popDue(now:)``.
    /// The none timer cannot be armed.
    public mutating func arm(_ timer: TimerID, at deadline: Instant) {
        precondition(timer.exists, "the none timer cannot be armed")
        disarm(timer)
        let (whole, rest) = deadline.nanoseconds.quotientAndRemainder(dividingBy: Self.tickNanoseconds)
        let tick = rest == 0 ? whole : whole + 1
        unsafe nodes[Int(timer.index)].deadline = tick
        place(timer.index, tick)
    }

    /// Disarms a timer; it can be armed again. The none timer is ignored.
    public mutating func disarm(_ timer: TimerID) {
        guard timer.exists else { return }
        precondition(
            unsafe timer.index < highWater && nodes[Int(timer.index)].previous != Node.gone,
            "no such timer in this wheel")
        if unsafe nodes[Int(timer.index)].isArmed { unlink(timer.index) }
    }

    /// The token of one timer that is due at `now`, which is then no longer armed. nil when there is none, or when a slot
    /// has to be taken apart first and the share of a call is used up: then ``nextDeadline`` is not in the future.
    public mutating func popDue(now: Instant) -> Token? {
        guard hasDue(now: now) else { return nil }
        let head = unsafe heads[Self.due]
        unlink(head)
        return unsafe nodes[Int(head)].token
    }

    /// True when `popDue` would return a token. When nothing is due that is one comparison.
    @inline(__always) public mutating func hasDue(now: Instant) -> Bool {
        let tick = now.nanoseconds / Self.tickNanoseconds
        guard tick >= quietUntil else {
            elapsed = max(elapsed, tick)
            return false
        }
        return findDue(tick)
    }

    @inline(never) private mutating func findDue(_ tick: UInt64) -> Bool {
        var movesLeft = Self.movesMax
        while unsafe heads[Self.due] < 0 {
            if isLateNext, takeLate() { return true }
            isLateNext = false
            if isMoving {
                guard moveDown(&movesLeft) else { return takeLate() }
                continue
            }
            let next = nextSlot()
            guard let next, next.start <= tick else {
                if takeLate() { return true }
                elapsed = max(elapsed, tick)
                quietUntil = next?.start ?? .max
                return false
            }
            elapsed = max(elapsed, next.start)
            if next.list < Self.slots {
                splice(next.list, into: Self.due)
                isLateNext = true
            } else {
                splice(next.list, into: Self.moving)
            }
        }
        return true
    }

    /// The instant at which `popDue` should be asked next, known without a search: at most that of the earliest timer.
    /// It may be too early, when timers were disarmed since `popDue` last looked, or when a slot has to be taken apart
    /// first. nil when nothing is armed.
    public var nextDeadline: Instant? {
        quietUntil == .max ? nil : Instant(nanoseconds: quietUntil &* Self.tickNanoseconds)
    }

    // MARK: slots

    /// The slot that time reaches first, and the tick at which it does. Lower levels always come before higher ones.
    private func nextSlot() -> (list: Int, start: UInt64)? {
        for level in 0..<Self.levels where occupied[level] != 0 {
            let shift = UInt64(level * Self.slotBits)
            let here = (elapsed >> shift) & UInt64(Self.slots - 1)
            let word = occupied[level]
            let rotated = here == 0 ? word : (word >> here) | (word << (UInt64(Self.slots) - here))
            let slot = (UInt64(rotated.trailingZeroBitCount) + here) & UInt64(Self.slots - 1)
            let range: UInt64 = 1 << (shift + UInt64(Self.slotBits))
            var start = (elapsed & ~(range - 1)) + (slot << shift)
            // Only on the highest level may a slot lie behind: it is then one round ahead.
            if start < elapsed, slot < here { start += range }
            return (level * Self.slots + Int(slot), start)
        }
        return nil
    }

    private var isMoving: Bool { unsafe heads[Self.moving] >= 0 }

    /// The late timers become due; false when there are none.
    private mutating func takeLate() -> Bool {
        guard unsafe heads[Self.late] >= 0 else { return false }
        splice(Self.late, into: Self.due)
        isLateNext = false
        return true
    }

    /// Moves timers of the slot that has been reached to where they now belong, as many as are left of the share of a
    /// call; false when there are more.
    private mutating func moveDown(_ movesLeft: inout Int) -> Bool {
        while isMoving, movesLeft > 0 {
            let index = unsafe heads[Self.moving]
            unlink(index)
            place(index, unsafe nodes[Int(index)].deadline)
            movesLeft -= 1
        }
        return !isMoving
    }

    /// Moves all of a list that has timers to one that has none.
    private mutating func splice(_ list: Int, into other: Int) {
        let head = unsafe heads[list]
        unsafe heads[list] = -1
        unsafe heads[other] = head
        unsafe nodes[Int(head)].previous = Node.first(of: other)
        leave(list)
    }

    /// A list has no timer any more.
    private mutating func leave(_ list: Int) {
        if list < Self.due { occupied[list / Self.slots] &= ~(1 << UInt64(list % Self.slots)) }
    }

    private mutating func place(_ index: Int32, _ deadline: UInt64) {
        guard deadline > elapsed else {
            quietUntil = 0
            return link(index, Self.late)
        }
        let tick = min(deadline, elapsed + Self.horizon)
        // The highest bit in which the deadline differs from now gives the level.
        let difference = (elapsed ^ tick) | UInt64(Self.slots - 1)
        let significant = UInt64.bitWidth - 1 - difference.leadingZeroBitCount
        let level = min(significant / Self.slotBits, Self.levels - 1)
        let slot = tick >> UInt64(level * Self.slotBits)
        quietUntil = min(quietUntil, slot << UInt64(level * Self.slotBits))
        let place = Int(slot & UInt64(Self.slots - 1))
        occupied[level] |= 1 << UInt64(place)
        link(index, level * Self.slots + place)
    }

    private mutating func link(_ index: Int32, _ list: Int) {
        let head = unsafe heads[list]
        unsafe nodes[Int(index)].next = head
        unsafe nodes[Int(index)].previous = Node.first(of: list)
        if head >= 0 { unsafe nodes[Int(head)].previous = index }
        unsafe heads[list] = index
    }

    private mutating func unlink(_ index: Int32) {
        let node = unsafe nodes[Int(index)]
        if node.previous >= 0 {
            unsafe nodes[Int(node.previous)].next = node.next
        } else {
            unsafe heads[node.list] = node.next
            if node.next < 0 { leave(node.list) }
        }
        // The next one takes over what stood before: a predecessor, or the first place.
        if node.next >= 0 { unsafe nodes[Int(node.next)].previous = node.previous }
        unsafe nodes[Int(index)].previous = Node.idle
    }
}
