/// One plain value per place of a ``Slab``, for what few of its elements have: all memory reserved at the start, none
/// of it used before a value is set.
@safe public struct Column<Value: BitwiseCopyable>: ~Copyable {
    private let values: UnsafeMutablePointer<Value>
    private let capacity: Int

    /// Room for a value at each of `capacity` places.
    public init(capacity: Int) {
        self.capacity = capacity
        unsafe values = .allocate(capacity: max(capacity, 1))
    }

    deinit { unsafe values.deallocate() }

    /// Sets the value of a place.
    public mutating func set(_ value: Value, at place: Int) {
        precondition(place >= 0 && place < capacity, "no such place in this column")
        unsafe (values + place).initialize(to: value)
    }

    /// The value that was last set at a place, which must be one at which one was.
    public func value(at place: Int) -> Value {
        precondition(place >= 0 && place < capacity, "no such place in this column")
        return unsafe values[place]
    }
}
