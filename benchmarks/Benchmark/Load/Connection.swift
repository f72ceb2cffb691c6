import Reactor

/// A connection of the load generator.
struct Connection: ~Copyable {
    /// What it is for.
    enum Role: UInt8 {
        /// One message, then the end; another takes its place.
        case visit
        /// One message after the other.
        case talk
        /// A message whenever one is due.
        case paced
        /// One message of a herd, whose answers all come at once.
        case herd
        /// One message, then nothing.
        case rest
        case down
        case up
        case both
        /// A download beside other work, which the origin may send at a fixed rate.
        case metered
        /// A download that is read slowly.
        case slow

        var wish: Wish {
            switch self {
            case .visit, .talk, .paced, .herd, .rest: .echo
            case .down, .slow: .download
            case .up: .upload
            case .both: .both
            case .metered: .metered
            }
        }
    }

    let stream: Stream
    let role: Role
    /// Part of the work, not of the disturbance.
    let isMeasured: Bool
    /// One of the short connections beside the work.
    var isVisitBeside: Bool { role == .visit && !isMeasured }
    /// Where its streams begin in the pattern.
    let start: Int
    var isConnected = false
    /// Readiness, kept until a call says EAGAIN.
    var isReadable = false
    var isWritable = false
    /// A sign of the end was reported: a short read no longer proves that nothing is left.
    var isEnding = false
    /// It stands in the loop's queue, to go on in the next turn.
    var isQueued = false
    var sent: UInt64 = 0
    var received: UInt64 = 0
    /// Where the present message ends in the stream.
    var target: UInt64 = 0
    /// When the present exchange began, or was due.
    var began: UInt64 = 0

    init(_ stream: consuming Stream, _ role: Role, isMeasured: Bool, start: Int, began: UInt64) {
        self.stream = stream
        self.role = role
        self.isMeasured = isMeasured
        self.start = start
        self.began = began
    }

    mutating func note(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.readable, .ending]) { isReadable = true }
        if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { isWritable = true }
        if !readiness.isDisjoint(with: .ending) { isEnding = true }
    }
}

extension Connection {
    /// The result of a step of an exchange.
    enum Step {
        case waiting
        case complete
        case mismatch
        case failed(Errno)
        case ended
    }

    /// Goes on with the present message: sends what is left of it, takes what has come back and compares it.
    mutating func exchange(_ pattern: borrowing Pattern, _ scratch: UnsafeMutableRawBufferPointer) -> Step {
        while sent < target, isWritable {
            let run = unsafe pattern.run(start: start, position: sent, count: Int(target - sent))
            switch unsafe stream.send(run) {
            case .bytes(let taken): sent += UInt64(taken)
            case .wouldBlock: isWritable = false
            case .failed(let errno): return .failed(errno)
            }
        }
        while isReadable {
            switch unsafe stream.receive(into: scratch) {
            case .bytes(let count):
                if count < scratch.count, !isEnding { isReadable = false }
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: scratch[..<count])
                let isRight = unsafe pattern.matches(bytes, start: start, position: received)
                received += UInt64(count)
                // More than was sent is as wrong as something else.
                guard isRight, received <= target else { return .mismatch }
                if received == target { return .complete }
            case .wouldBlock: isReadable = false
            case .endOfStream: return .ended
            case .failed(let errno): return .failed(errno)
            }
        }
        return .waiting
    }

    /// Asks for a download at a rate. A connection that has just been made takes the nine bytes at once.
    func ask(bytesPerSecond: UInt64) -> Step {
        var request = [Wish.metered.rawValue]
        unsafe withUnsafeBytes(of: bytesPerSecond.littleEndian) { unsafe request.append(contentsOf: $0) }
        switch unsafe request.withUnsafeBytes({ unsafe stream.send($0) }) {
        case .bytes(request.count): return .waiting
        case .bytes, .wouldBlock: return .failed(.outOfMemory)
        case .failed(let errno): return .failed(errno)
        }
    }

    /// Sends a share of the pattern; the number of bytes that the kernel took.
    mutating func give(_ pattern: borrowing Pattern, _ count: Int) -> (bytes: Int, step: Step) {
        guard isWritable else { return (0, .waiting) }
        let run = unsafe pattern.run(start: start, position: sent, count: count)
        switch unsafe stream.send(run) {
        case .bytes(let taken):
            sent += UInt64(taken)
            return (taken, .waiting)
        case .wouldBlock:
            isWritable = false
            return (0, .waiting)
        case .failed(let errno): return (0, .failed(errno))
        }
    }

    /// Reads and checks a share of a download; the number of bytes.
    mutating func take(
        _ pattern: borrowing Pattern, _ scratch: UnsafeMutableRawBufferPointer
    ) -> (bytes: Int, step: Step) {
        guard isReadable else { return (0, .waiting) }
        switch unsafe stream.receive(into: scratch) {
        case .bytes(let count):
            if count < scratch.count, !isEnding { isReadable = false }
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: scratch[..<count])
            let isRight = unsafe pattern.matches(bytes, start: start, position: received)
            received += UInt64(count)
            return (count, isRight ? .waiting : .mismatch)
        case .wouldBlock:
            isReadable = false
            return (0, .waiting)
        case .endOfStream: return (0, .ended)
        case .failed(let errno): return (0, .failed(errno))
        }
    }
}
