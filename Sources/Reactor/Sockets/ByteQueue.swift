/// Bytes that a reader has not taken yet, in order, up to a limit.
///
/// ```
///   |  taken  |  waiting: start ..< stop  |  free  |
///   0        start                       stop      capacity
/// ```
///
/// By default a queue owns memory only while it holds something, so that a reader that keeps up costs none: the memory
/// doubles from ``firstBytes`` up to twice the limit. A queue that is made with `reserving` has all of it from the
/// start and never allocates.
///
/// - Complexity: `append` and `removeFirst` O(bytes) amortised: when waiting bytes are moved to the front of the
///   memory, they are at most as many as were appended and taken since the last move.
@safe public struct ByteQueue: ~Copyable {
    /// The first memory of a queue: enough for most stalls of a reader that is alive.
    public static let firstBytes = 16 * 1024

    /// The most that it holds, in bytes.
    public let limit: Int
    private let isReserved: Bool
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var start = 0
    private var stop = 0

    /// An empty queue that takes memory when it needs some, and gives it back with the last byte.
    public init(limit: Int) {
        self.limit = limit
        isReserved = false
    }

    /// An empty queue that has its memory, twice the limit, from now on.
    public init(reserving limit: Int) {
        self.limit = limit
        isReserved = true
        capacity = 2 * max(limit, 1)
        unsafe memory = .allocate(byteCount: capacity, alignment: ByteBuffer.cacheLineBytes)
    }

    deinit { unsafe memory?.deallocate() }

    /// How many bytes wait.
    public var count: Int { stop - start }
    /// The memory that it has, in bytes: as a rule more than what waits.
    public var memoryBytes: Int { capacity }
    /// True when none wait.
    public var isEmpty: Bool { start == stop }

    /// What waits, from the oldest byte. Valid until the next change.
    public var bytes: UnsafeRawBufferPointer {
        guard let memory = unsafe memory else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeRawBufferPointer(start: memory + start, count: count)
    }

    /// Appends all of `added`. When that would exceed the limit, appends nothing and returns false.
    public mutating func append(_ added: UnsafeRawBufferPointer) -> Bool {
        guard let source = added.baseAddress, added.count > 0 else { return true }
        guard added.count <= limit - count else { return false }
        if added.count > capacity - stop { reserveSpace(for: added.count) }
        guard let memory = unsafe memory else { return false }
        unsafe (memory + stop).copyMemory(from: source, byteCount: added.count)
        stop += added.count
        return true
    }

    /// Drops the oldest `bytes` bytes, which the reader has taken.
    public mutating func removeFirst(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= count, "a byte queue cannot lose more than it holds")
        start += bytes
        releaseIfEmpty()
    }

    /// Drops the newest `bytes` bytes: an addition is taken back.
    public mutating func removeLast(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= count, "a byte queue cannot lose more than it holds")
        stop -= bytes
        releaseIfEmpty()
    }

    private mutating func releaseIfEmpty() {
        guard isEmpty else { return }
        start = 0
        stop = 0
        guard !isReserved else { return }
        unsafe memory?.deallocate()
        unsafe memory = nil
        capacity = 0
    }

    /// Moves what waits to the front of a block that has room for `added` more bytes.
    private mutating func reserveSpace(for added: Int) {
        let held = count
        var needed = isReserved ? capacity : max(capacity, Self.firstBytes)
        while needed < held + added { needed *= 2 }
        let old = unsafe memory
        // The old block serves again only when half of it is free, so that no byte is moved often. That is always so of
        // a reserved one.
        if let block = unsafe old, needed == capacity, held <= capacity / 2 {
            unsafe block.copyMemory(from: block + start, byteCount: held)
        } else {
            if needed == capacity { needed *= 2 }
            let block = UnsafeMutableRawPointer.allocate(
                byteCount: needed, alignment: ByteBuffer.cacheLineBytes)
            if let old = unsafe old {
                unsafe block.copyMemory(from: old + start, byteCount: held)
                unsafe old.deallocate()
            }
            unsafe memory = block
            capacity = needed
        }
        start = 0
        stop = held
    }
}
