/// One plain value per place of a ``Slab``, for what few of its elements have. Memory for `capacity` values is reserved
/// at the start, none of it is used before a value is set; a place beyond it needs a ``reserve(_:)`` first.
@safe public struct Column<Value: BitwiseCopyable>: ~Copyable {
    private var values: UnsafeMutablePointer<Value>
    private var capacity = 0

    /// Reserves room for a value at each of `capacity` places, as far as there is memory.
    public init(capacity: Int) {
        unsafe values = Reserve.none(of: Value.self)
        _ = reserve(capacity)
    }

    deinit { unsafe Reserve.free(values, room: capacity) }

    /// Reserves memory for the places below `count`; false when there is none for them.
    public mutating func reserve(_ count: Int) -> Bool {
        guard count > capacity else { return true }
        guard unsafe Reserve.enlarge(&values, room: capacity, to: count) else { return false }
        capacity = count
        return true
    }

    /// Sets the value of a place, for which there must be memory.
    public mutating func set(_ value: Value, at place: Int) {
        precondition(place >= 0 && place < capacity, "no such place in this column")
        unsafe (values + place).initialize(to: value)
    }

    /// The value that was last set at a place, which must be one at which one was.
    public func value(at place: Int) -> Value {
        precondition(place >= 0 && place < capacity, "no such place in this column")
        return unsafe values[place]
    }

    /// Changes the value of a place in place; it must be one at which a value was set.
    public mutating func update(at place: Int, _ change: (inout Value) -> Void) {
        precondition(place >= 0 && place < capacity, "no such place in this column")
        unsafe change(&values[place])
    }
}
