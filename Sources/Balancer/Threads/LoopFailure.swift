import Reactor

/// A system call that failed and with it a loop, which takes the process with it.
public struct LoopFailure: Error, CustomStringConvertible {
    /// The loop's number; nil of a loop alone, and of what comes before there are loops.
    public let loop: Int?
    /// What failed.
    public let cause: SystemCallError

    /// `loop 1: epoll_wait: Bad file descriptor`
    public var description: String {
        loop.map { "loop \($0): \(cause)" } ?? "\(cause)"
    }
}
