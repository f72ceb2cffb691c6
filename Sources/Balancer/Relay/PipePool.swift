import Reactor

/// Pipes that bulk transfers are spliced through: bounded in number, made when first wanted, and kept.
///
/// A transfer has one only while bytes are in it. So a few serve all whose readers keep up, and no session owns one for
/// long. Where there is none to be had, bytes are copied.
struct PipePool: ~Copyable {
    /// What a pipe holds, in bytes.
    let pipeBytes: Int
    /// How many hold bytes.
    private(set) var taken = 0
    private var pipes: Slab<Pipe>
    /// Places of the empty ones.
    private var idle: [Int32] = []
    /// The kernel refused to splice: never again.
    private var isDisabled = false

    init(pipeBytes: Int, pipesMax: Int) {
        self.pipeBytes = pipeBytes
        pipes = Slab(capacity: pipesMax)
        idle.reserveCapacity(pipesMax)
    }

    /// The place of an empty pipe, or nil: all are in use, or no more descriptors or pages are to be had.
    mutating func take() -> Int32? {
        guard let place = isDisabled ? nil : idle.popLast() ?? make() else { return nil }
        taken += 1
        return place
    }

    private mutating func make() -> Int32? {
        guard !pipes.isFull, let pipe = try? Pipe(bytes: pipeBytes) else { return nil }
        return pipes.insert(pipe)?.index
    }

    /// Takes back a pipe that is empty.
    mutating func give(_ place: Int32) {
        taken -= 1
        idle.append(place)
    }

    /// Takes back a pipe with bytes that nobody wants. It is closed; another is made when one is wanted.
    mutating func discard(_ place: Int32) {
        taken -= 1
        _ = pipes.remove(at: Int(place))
    }

    /// Takes back an empty pipe that the kernel would not splice into.
    mutating func disable(_ place: Int32) {
        give(place)
        isDisabled = true
    }

    subscript(place: Int32) -> Pipe {
        _read { yield pipes[Int(place)] }
    }
}

/// Bytes in a pipe of the pool, or none.
struct PipedBytes: ~Copyable {
    /// The place of the pipe; of no meaning while there are no bytes.
    private(set) var place: Int32 = -1
    /// How many bytes are in it.
    private(set) var count = 0

    init() {}

    // The pool counts its pipes; one that is dropped here would be missing for ever.
    deinit { precondition(count == 0, "bytes in a pipe dropped without giving it back") }

    var isEmpty: Bool { count == 0 }

    /// Notes what was read into an empty pipe.
    mutating func fill(_ place: Int32, count: Int) {
        precondition(isEmpty, "a pipe is filled only when it is empty")
        (self.place, self.count) = (place, count)
    }

    /// Notes that the first `count` bytes were taken; the pipe goes back with the last.
    mutating func drop(first count: Int, to pool: inout PipePool) {
        self.count -= count
        if isEmpty { pool.give(place) }
    }

    /// Forgets all.
    mutating func clear(to pool: inout PipePool) {
        guard !isEmpty else { return }
        count = 0
        pool.discard(place)
    }
}
