/// The place of an element in a ``Slab``, and which use of that place it is.
@frozen public struct SlabKey: Hashable, Sendable {
    /// From 0 up to the slab's capacity.
    public let index: Int32
    /// Odd while the place is taken. A pair of index and generation comes again only after 2^31 uses of the place.
    public let generation: UInt32

    /// A key from its two parts.
    @inlinable public init(index: Int, generation: UInt32) {
        self.index = Int32(truncatingIfNeeded: index)
        self.generation = generation
    }

    /// A key that no slab ever holds.
    @inlinable public static var none: SlabKey { SlabKey(index: -1, generation: 0) }
}

/// Elements of one kind at numbered places, up to a capacity.
///
/// Places are reused, last freed first (it is still in the cache); each reuse has a generation of its own, so a key of
/// an element that has gone is recognised. Memory is reserved for `reserving` places at the start. Untouched places
/// cost address space, no memory. Beyond the reserve the slab doubles it and moves its elements, keys unchanged, until
/// the capacity is reached. When there is no memory for more places it is full for now: ``makeRoom()`` tells.
///
/// - Complexity: insertion, removal and look-up are O(1); they do not allocate within the reserve.
@safe public struct Slab<Element: ~Copyable>: ~Copyable {
    @usableFromInline struct Place {
        /// Odd: taken. Even: free.
        @usableFromInline var generation: UInt32
        /// The next free place plus one, 0 for none; only of a free place that was once taken.
        @usableFromInline var next: Int32
    }

    @usableFromInline var elements: UnsafeMutablePointer<Element>
    @usableFromInline var places: UnsafeMutablePointer<Place>
    /// How many places there is memory for.
    @usableFromInline private(set) var room = 0
    @usableFromInline var firstFree: Int32 = 0
    /// No place at or above it was ever taken.
    @usableFromInline var highWater = 0

    /// How many elements there may be.
    public let capacity: Int
    /// How many there are.
    public private(set) var count = 0

    /// A slab for at most `capacity` elements, which is at most ``Token/indexLimit``. Memory is reserved for
    /// `reserving` of them, by default for all.
    public init(capacity: Int, reserving: Int? = nil) {
        precondition(capacity >= 0 && capacity <= Token.indexLimit, "a slab's capacity is 0 to 2^24")
        self.capacity = capacity
        unsafe elements = Reserve.none(of: Element.self)
        unsafe places = Reserve.none(of: Place.self)
        // What cannot be reserved now is asked for again when it is needed.
        _ = reserve(reserving ?? capacity)
    }

    deinit {
        for index in 0..<highWater where unsafe places[index].generation & 1 == 1 {
            unsafe (elements + index).deinitialize(count: 1)
        }
        unsafe Reserve.free(elements, room: room)
        unsafe Reserve.free(places, room: room)
    }

    /// True when all places are taken that there may be.
    @inlinable public var isFull: Bool { firstFree == 0 && highWater == capacity }

    /// True while `insert` finds memory that is reserved already.
    @inlinable public var hasRoom: Bool { firstFree != 0 || highWater < room }

    /// Reserves memory for `count` elements in all, or for the capacity; false when there is none.
    public mutating func reserve(_ count: Int) -> Bool {
        let count = min(count, capacity)
        return count <= room || enlarge(to: count)
    }

    /// Reserves memory for one more element if there is none. False when `insert` would return nil: the slab is full, or
    /// there is no memory.
    public mutating func makeRoom() -> Bool { hasRoom || enlarge(to: nextRoom) }

    /// How many places there will be after the next enlargement.
    public var nextRoom: Int { min(capacity, max(Self.stepMin, 2 * room)) }

    /// Inserts the element and returns its key. When the slab is full, or there is no memory for one more, returns nil,
    /// and the element ends here.
    @inlinable public mutating func insert(_ element: consuming Element) -> SlabKey? {
        guard let key = takePlace() else { return nil }
        unsafe (elements + Int(key.index)).initialize(to: element)
        return key
    }

    /// Inserts an element that is made from its own key.
    @inlinable public mutating func insert(_ make: (SlabKey) -> Element) -> SlabKey? {
        guard let key = takePlace() else { return nil }
        unsafe (elements + Int(key.index)).initialize(to: make(key))
        return key
    }

    @usableFromInline mutating func takePlace() -> SlabKey? {
        let index: Int
        if firstFree != 0 {
            index = Int(firstFree) - 1
            firstFree = unsafe places[index].next
            unsafe places[index].generation &+= 1
        } else if highWater < capacity {
            if highWater == room, !enlarge(to: nextRoom) { return nil }
            index = highWater
            highWater += 1
            unsafe (places + index).initialize(to: Place(generation: 1, next: 0))
        } else {
            return nil
        }
        count += 1
        return SlabKey(index: index, generation: unsafe places[index].generation)
    }

    /// Gives the slab `wanted` places. When there is memory for the elements only, they keep it: it is used next time.
    @inline(never) private mutating func enlarge(to wanted: Int) -> Bool {
        guard wanted > room, unsafe Reserve.enlarge(&elements, room: room, to: wanted) else { return false }
        guard unsafe Reserve.enlarge(&places, room: room, to: wanted) else {
            if room == 0 { unsafe Reserve.free(elements, room: wanted) }
            return false
        }
        room = wanted
        return true
    }

    /// The smallest step by which the reserve grows: below it each step would cost more than it saves.
    private static var stepMin: Int { 16 }

    /// Removes the element at `index` and frees its place. The place must be taken.
    @inlinable public mutating func remove(at index: Int) -> Element {
        free(index)
        return unsafe (elements + index).move()
    }

    @usableFromInline mutating func free(_ index: Int) {
        precondition(isTaken(index), "nothing stands at this place of the slab")
        unsafe places[index].generation &+= 1
        unsafe places[index].next = firstFree
        firstFree = Int32(index + 1)
        count -= 1
    }

    /// True while the element that this key was given for is still in.
    @inlinable public func contains(_ key: SlabKey) -> Bool {
        let index = Int(key.index)
        return unsafe index >= 0 && index < highWater && key.generation & 1 == 1
            && places[index].generation == key.generation
    }

    /// True while anything stands at `index`.
    @inlinable public func isTaken(_ index: Int) -> Bool {
        unsafe index >= 0 && index < highWater && places[index].generation & 1 == 1
    }

    /// The key of what stands at `index`, which must be taken.
    @inlinable public func key(at index: Int) -> SlabKey {
        precondition(isTaken(index), "nothing stands at this place of the slab")
        return SlabKey(index: index, generation: unsafe places[index].generation)
    }

    /// The element at `index`, in place. The place must be taken.
    @inlinable public subscript(index: Int) -> Element {
        unsafeAddress {
            precondition(isTaken(index), "nothing stands at this place of the slab")
            return unsafe UnsafePointer(elements + index)
        }
        unsafeMutableAddress {
            precondition(isTaken(index), "nothing stands at this place of the slab")
            return unsafe elements + index
        }
    }

    /// All places that were ever taken, from the lowest: `for index in slab.indexRange where slab.isTaken(index)`. The
    /// range is a copy, so elements may be removed meanwhile; those inserted meanwhile may or may not be seen.
    @inlinable public var indexRange: Range<Int> { 0..<highWater }

    /// The places taken, from the lowest; `index(after: -1)` is the first, nil comes after the last.
    ///
    /// Elements may be removed and inserted between two calls.
    public func index(after index: Int) -> Int? {
        var next = index + 1
        while next < highWater {
            if isTaken(next) { return next }
            next += 1
        }
        return nil
    }
}
