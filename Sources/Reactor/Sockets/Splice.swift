import Glibc

/// The result of a read into a pipe.
public enum SpliceResult: Equatable, Sendable {
    /// So many bytes are in the pipe now, at least one.
    case bytes(Int)
    /// Nothing to read now, if the pipe was empty, or TCP urgent data next, which the poller reports: EAGAIN.
    case wouldBlock
    /// Nothing was moved, and only a read shows why: the end of the stream, or no memory.
    case undecided
    /// This stream cannot be spliced, or not now. It can still be read.
    case unsupported
    /// The stream has failed.
    case failed(Errno)
}

// Bytes from socket to socket through a pipe: the kernel moves references to its pages, and copies nothing. Source:
// splice(2).
extension Stream {
    /// Moves what there is, at most `count` bytes, into an empty pipe.
    ///
    /// Fewer bytes may be moved than there are: a pipe is full when it holds a certain number of fragments, however
    /// small. That is why the pipe must be empty: otherwise `wouldBlock` could also mean that the pipe is full.
    public func splice(into pipe: borrowing Pipe, atMost count: Int) -> SpliceResult {
        while true {
            let result = kernel.splice(from: number, to: pipe.inputNumber, count: count)
            if result > 0 { return .bytes(result) }
            if result == 0 { return .undecided }
            let errno = Errno(rawValue: CInt(-result))
            if errno.isWouldBlock { return .wouldBlock }
            if errno.rawValue == ENOMEM { return .undecided }
            if errno.isRefusalToSplice { return .unsupported }
            if !errno.isInterruption { return .failed(errno) }
        }
    }

    /// Writes `count` bytes of the pipe, which must hold so many, as far as the kernel takes them.
    ///
    /// There is no MSG_NOSIGNAL for it: SIGPIPE must be ignored, see ``Signals/ignoreFailedWrites()``.
    public func splice(from pipe: borrowing Pipe, count: Int) -> SendResult {
        while true {
            let result = kernel.splice(from: pipe.outputNumber, to: number, count: count)
            if result >= 0 { return .bytes(result) }
            let errno = Errno(rawValue: CInt(-result))
            if errno.isWouldBlock { return .wouldBlock }
            if !errno.isInterruption { return .failed(errno) }
        }
    }
}

extension Errno {
    /// The errors of kernels, kinds of sockets and system call filters that do not support splicing.
    fileprivate var isRefusalToSplice: Bool {
        switch rawValue {
        case EINVAL, ENOSYS, EPERM, EOPNOTSUPP: true
        default: false
        }
    }
}
