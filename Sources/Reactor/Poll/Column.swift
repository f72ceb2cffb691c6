/// One plain value per place of a ``Slab``, for what few of its elements have. Memory for `capacity` values is reserved
/// at the start, none of it is used before a value is set; a place beyond it doubles the reserve.
@safe public struct Column<Value: BitwiseCopyable>: ~Copyable {
    private var values: UnsafeMutablePointer<Value>
    private var capacity: Int

    /// Reserves room for a value at each of `capacity` places.
    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
        unsafe values = .allocate(capacity: self.capacity)
    }

    deinit { unsafe values.deallocate() }

    /// Sets the value of a place.
    public mutating func set(_ value: Value, at place: Int) {
        precondition(place >= 0 && place < Token.indexLimit, "no such place in this column")
        if place >= capacity { enlarge(for: place) }
        unsafe (values + place).initialize(to: value)
    }

    /// Which values were set is not known, so all are copied; a plain value may be copied without ever having been set.
    @inline(never) private mutating func enlarge(for place: Int) {
        let capacity = max(place + 1, 2 * self.capacity)
        let moved = UnsafeMutablePointer<Value>.allocate(capacity: capacity)
        unsafe UnsafeMutableRawPointer(moved).copyMemory(
            from: values, byteCount: self.capacity * MemoryLayout<Value>.stride)
        unsafe values.deallocate()
        unsafe values = moved
        self.capacity = capacity
    }

    /// The value that was last set at a place, which must be one at which one was.
    public func value(at place: Int) -> Value {
        precondition(place >= 0 && place < capacity, "no such place in this column")
        return unsafe values[place]
    }
}
