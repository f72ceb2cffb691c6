import Reactor

/// Memory for bytes that were read and that the sink has not taken yet: blocks and pipes, bounded in number. All
/// sessions of a loop share it; a direction holds a block or a pipe only while its sink lags.
///
/// Bytes that were read need a place, so a block is made before they are read: there is always one more than is in use,
/// as long as the limit and the kernel allow. It is mapped, and costs nothing before it is filled.
struct RelayMemory: ~Copyable {
    /// The size of a block, and of a pipe, in bytes.
    let chunkBytes: Int
    var blocks: RecyclePool<ByteBuffer>
    var pipes: RecyclePool<Pipe>
    /// See ``Limits/stalledMax``.
    private let stalledMax: Int

    init(limits: Limits) {
        chunkBytes = limits.chunkBytes
        stalledMax = limits.stalledMax
        blocks = RecyclePool(max: limits.blocksMax, idleMax: Limits.blocksKept)
        // All pipes are kept, since an empty one holds no pages.
        pipes = RecyclePool(max: limits.pipesMax, idleMax: limits.pipesMax)
        prepareBlock()
    }

    /// Makes a block for the next bytes that must wait, if the limit and the kernel allow.
    mutating func prepareBlock() {
        let bytes = chunkBytes
        blocks.prepare { ByteBuffer(mapping: bytes) }
    }

    /// Takes a block. nil unless ``RecyclePool/hasRoom``.
    fileprivate mutating func takeBlock() -> Int32? {
        defer { prepareBlock() }
        return blocks.take { nil }
    }

    /// True while so many directions wait for slow readers that others get small kernel buffers. A direction that waits
    /// holds a block or a pipe; when all blocks are in use, it may hold none.
    var isShort: Bool { blocks.taken + pipes.taken >= stalledMax || !blocks.hasRoom }

    /// The place of an empty pipe. nil when all are in use, or when the process is out of descriptors or pipe pages.
    mutating func takePipe() -> Int32? {
        let bytes = chunkBytes
        return pipes.take { try? Pipe(bytes: bytes) }
    }
}

/// The bytes of one direction that wait for their sink: in a block, in a pipe, or none.
///
/// A value must be cleared before it is dropped, unless the whole loop is: it has no reference to the pools, so its
/// place would stay taken until the loop ends. ``RelayLedger`` finds such a leak. The pools own blocks and pipes, and
/// free all of them with the loop.
struct WaitingBytes: ~Copyable {
    enum Store: UInt8 {
        case none
        case block
        case pipe
    }

    /// The place of the block or pipe.
    private var place: Int32 = -1
    private var start: Int32 = 0
    private var end: Int32 = 0
    private(set) var store = Store.none

    /// The number of bytes that wait.
    var count: Int { Int(end - start) }
    var isEmpty: Bool { store == .none }

    /// Copies `bytes`, at least one and at most a block of them, to a block. The pool must have a spare block.
    mutating func keep(_ bytes: UnsafeRawBufferPointer, in memory: inout RelayMemory) {
        precondition(isEmpty && bytes.count <= memory.chunkBytes, "waiting bytes do not fit a block")
        guard let source = bytes.baseAddress, let block = memory.takeBlock() else {
            preconditionFailure("a block taken that was not made")
        }
        unsafe memory.blocks[block].memory.baseAddress?.copyMemory(from: source, byteCount: bytes.count)
        (store, place, start, end) = (.block, block, 0, Int32(bytes.count))
    }

    /// Takes over a pipe that was empty before `count` bytes were spliced into it.
    mutating func note(pipe: Int32, count: Int) {
        precondition(isEmpty, "a pipe is filled only when nothing waits")
        (store, place, start, end) = (.pipe, pipe, 0, Int32(count))
    }

    /// The place of the pipe. Only for the store `.pipe`.
    var pipe: Int32 { place }

    /// The bytes in order. Only for the store `.block`.
    func bytes(in memory: borrowing RelayMemory) -> UnsafeRawBufferPointer {
        unsafe memory.blocks[place].bytes(in: Int(start)..<Int(end))
    }

    /// Removes the first `count` bytes, which the sink has taken. The block or pipe is returned with the last of them.
    mutating func drop(first count: Int, to memory: inout RelayMemory) {
        start += Int32(count)
        guard start == end else { return }
        switch store {
        case .none: break
        case .block: memory.blocks.give(place)
        case .pipe: memory.pipes.give(place)
        }
        forget()
    }

    /// Removes all bytes and returns the block or pipe.
    mutating func clear(to memory: inout RelayMemory) {
        switch store {
        case .none: return
        case .block: memory.blocks.give(place)
        // It still holds bytes, so it cannot be reused: closing it costs less than reading it empty.
        case .pipe: memory.pipes.discard(place)
        }
        forget()
    }

    private mutating func forget() {
        (store, place, start, end) = (.none, -1, 0, 0)
    }
}
