/// Memory for bytes that were read and that the other side has not taken yet: blocks of one size, bounded in number.
///
/// A session holds a block only while its reader lags; the last few that come back are kept for the next stall.
@safe struct BlockPool: ~Copyable {
    /// The size of a block in bytes.
    let blockBytes: Int
    /// How many may be out at the same time.
    let blocksMax: Int
    /// How many are out.
    private(set) var taken = 0
    private var kept: [UnsafeMutableRawPointer]

    init(blockBytes: Int, blocksMax: Int) {
        self.blockBytes = blockBytes
        self.blocksMax = blocksMax
        unsafe kept = []
        unsafe kept.reserveCapacity(Limits.blocksKept)
    }

    deinit {
        unsafe kept.forEach { unsafe $0.deallocate() }
    }

    /// True while `take` may be called.
    var hasRoom: Bool { taken < blocksMax }

    /// Hands out a block. There must be room.
    mutating func take() -> UnsafeMutableRawPointer {
        precondition(hasRoom, "a block taken beyond the limit")
        taken += 1
        return unsafe kept.popLast() ?? UnsafeMutableRawPointer.allocate(byteCount: blockBytes, alignment: 64)
    }

    /// Takes a block back.
    mutating func give(_ block: UnsafeMutableRawPointer) {
        taken -= 1
        if unsafe kept.count < Limits.blocksKept {
            unsafe kept.append(block)
        } else {
            unsafe block.deallocate()
        }
    }
}

/// Bytes that wait for their reader: part of a block, or nothing.
@safe struct PendingBytes: ~Copyable {
    private var block: UnsafeMutableRawPointer?
    private var start: Int32 = 0
    private var end: Int32 = 0

    init() {}

    deinit {
        // The pool counts its blocks; one that is dropped here would be missing for ever.
        unsafe precondition(block == nil, "pending bytes dropped without giving their block back")
    }

    /// How many bytes wait.
    var count: Int { Int(end - start) }
    var isEmpty: Bool { start == end }

    /// Keeps a copy of `bytes`, at most a block of them; nothing may be kept already.
    mutating func keep(_ bytes: UnsafeRawBufferPointer, in pool: inout BlockPool) {
        precondition(isEmpty && bytes.count <= pool.blockBytes, "pending bytes do not fit a block")
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        let memory = unsafe pool.take()
        unsafe memory.copyMemory(from: source, byteCount: bytes.count)
        unsafe block = memory
        (start, end) = (0, Int32(bytes.count))
    }

    /// The bytes, in order.
    var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: block.map { unsafe UnsafeRawPointer($0) + Int(start) }, count: count)
    }

    /// Forgets the first `count` bytes; the block goes back with the last.
    mutating func drop(first count: Int, to pool: inout BlockPool) {
        start += Int32(count)
        if start == end { clear(to: &pool) }
    }

    /// Forgets all.
    mutating func clear(to pool: inout BlockPool) {
        (start, end) = (0, 0)
        if let memory = unsafe block { unsafe pool.give(memory) }
        unsafe block = nil
    }
}
