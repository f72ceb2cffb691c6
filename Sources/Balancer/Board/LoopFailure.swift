import Reactor

/// A failed system call that ended a loop, and with it the process.
public struct LoopFailure: Error, CustomStringConvertible {
    /// The loop's index; nil for a single loop, and for a failure before there are loops.
    public let loop: Int?
    /// The call that failed.
    public let cause: SystemCallError

    /// `loop 1: epoll_wait: Bad file descriptor`
    public var description: String {
        loop.map { "loop \($0): \(cause)" } ?? "\(cause)"
    }
}
