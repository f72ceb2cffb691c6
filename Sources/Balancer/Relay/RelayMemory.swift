import Reactor

/// Where bytes wait that were read and that the other side has not taken yet: blocks and pipes, bounded in number. All
/// sessions of a loop share them; one holds a place only while its reader lags.
struct RelayMemory: ~Copyable {
    /// The size of a block, and of a pipe, in bytes.
    let chunkBytes: Int
    var blocks: RecyclePool<Block>
    var pipes: RecyclePool<Pipe>

    init(limits: Limits) {
        chunkBytes = limits.chunkBytes
        blocks = RecyclePool(max: limits.blocksMax, idleMax: Limits.blocksKept)
        // An empty pipe holds no pages.
        pipes = RecyclePool(max: limits.pipesMax, idleMax: limits.pipesMax)
    }

    /// The place of an empty pipe; nil when all are in use, or no descriptors or pages are to be had.
    mutating func takePipe() -> Int32? {
        let bytes = chunkBytes
        return pipes.take { try? Pipe(bytes: bytes) }
    }
}

/// A piece of memory.
@safe struct Block: ~Copyable {
    let memory: UnsafeMutableRawPointer

    init(bytes: Int) {
        unsafe memory = .allocate(byteCount: bytes, alignment: 64)
    }

    deinit { unsafe memory.deallocate() }
}

/// The bytes of one direction that wait for their reader: in a block, in a pipe, or none.
///
/// A value that is dropped while it holds a place does not give the place back, since the pools cannot be reached from
/// here. Nothing else leaks: the pools own blocks and pipes, and free them with the loop. ``RelayLedger`` finds such a
/// place while the loop still runs.
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

    /// How many bytes wait.
    var count: Int { Int(end - start) }
    var isEmpty: Bool { store == .none }

    /// Keeps a copy of `bytes`, at least one and at most a block of them, for which there must be room.
    mutating func keep(_ bytes: UnsafeRawBufferPointer, in memory: inout RelayMemory) {
        let blockBytes = memory.chunkBytes
        precondition(isEmpty && bytes.count <= blockBytes, "waiting bytes do not fit a block")
        guard let source = bytes.baseAddress, let block = memory.blocks.take({ Block(bytes: blockBytes) }) else {
            preconditionFailure("a block taken beyond the limit")
        }
        unsafe memory.blocks[block].memory.copyMemory(from: source, byteCount: bytes.count)
        (store, place, start, end) = (.block, block, 0, Int32(bytes.count))
    }

    /// Notes what was read into a pipe that was empty.
    mutating func note(pipe: Int32, count: Int) {
        precondition(isEmpty, "a pipe is filled only when nothing waits")
        (store, place, start, end) = (.pipe, pipe, 0, Int32(count))
    }

    /// The pipe that the bytes are in; only for that store.
    var pipe: Int32 { place }

    /// The bytes, in order; only of a block.
    func bytes(in memory: borrowing RelayMemory) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: memory.blocks[place].memory + Int(start), count: count)
    }

    /// Forgets the first `count` bytes, which were taken; the place goes back with the last.
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

    /// Forgets all.
    mutating func clear(to memory: inout RelayMemory) {
        switch store {
        case .none: return
        case .block: memory.blocks.give(place)
        // What is in it nobody wants: it is closed, and another is made when one is wanted.
        case .pipe: memory.pipes.discard(place)
        }
        forget()
    }

    private mutating func forget() {
        (store, place, start, end) = (.none, -1, 0, 0)
    }
}
