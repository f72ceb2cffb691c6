/// Bytes that a client has not taken yet, in order, up to a limit.
///
/// It owns memory only while it holds something: a client that keeps up costs none. The memory doubles from
/// `firstBytes` up to twice the limit.
@safe struct Backlog: ~Copyable {
    /// Enough for most stalls of a reader that is alive.
    private static let firstBytes = 16 * 1024

    /// The most that it holds, in bytes.
    let limit: Int
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var start = 0
    private var stop = 0

    init(limit: Int) {
        self.limit = limit
    }

    deinit { unsafe memory?.deallocate() }

    var count: Int { stop - start }
    var isEmpty: Bool { start == stop }

    /// What waits, from the oldest byte. Valid until the next change.
    var bytes: UnsafeRawBufferPointer {
        guard let memory = unsafe memory else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeRawBufferPointer(start: memory + start, count: count)
    }

    /// Takes all of `added`, or nothing when that would exceed the limit: then false.
    mutating func append(_ added: UnsafeRawBufferPointer) -> Bool {
        guard let source = added.baseAddress, added.count > 0 else { return true }
        guard added.count <= limit - count else { return false }
        if added.count > capacity - stop { makeRoom(for: added.count) }
        guard let memory = unsafe memory else { return false }
        unsafe (memory + stop).copyMemory(from: source, byteCount: added.count)
        stop += added.count
        return true
    }

    /// Forgets the oldest `bytes` bytes, and gives the memory back with the last of them.
    mutating func removeFirst(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= count, "a backlog cannot lose more than it holds")
        start += bytes
        guard isEmpty else { return }
        unsafe memory?.deallocate()
        unsafe memory = nil
        capacity = 0
        start = 0
        stop = 0
    }

    /// Moves what is there to the front of a block that has room for `added` more bytes.
    private mutating func makeRoom(for added: Int) {
        let held = count
        var needed = max(capacity, Self.firstBytes)
        while needed < held + added { needed *= 2 }
        let old = unsafe memory
        // The old block serves again only when half of it is free, so that no byte is moved often.
        if let block = unsafe old, needed == capacity, held <= capacity / 2 {
            unsafe block.copyMemory(from: block + start, byteCount: held)
        } else {
            if needed == capacity { needed *= 2 }
            let block = UnsafeMutableRawPointer.allocate(byteCount: needed, alignment: 16)
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
