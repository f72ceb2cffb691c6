import Glibc

/// An error number of the kernel, as a value.
///
/// Source of the names: errno(3).
public struct Errno: Error, Hashable, Sendable, CustomStringConvertible {
    /// The positive number, `ECONNREFUSED` and so on.
    public let rawValue: CInt

    /// Wraps a positive error number.
    public init(rawValue: CInt) {
        self.rawValue = rawValue
    }

    /// The text of strerror(3) in the C locale: `Connection refused`.
    public var description: String {
        // strerror_r writes at most as many bytes as it is given, the closing NUL included.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let start = buffer.baseAddress, unsafe strerror_r(rawValue, start, buffer.count) == 0 else {
                return "error \(rawValue)"
            }
            return unsafe String(cString: start)
        }
    }

    /// True of errors that mean a shortage on this machine (descriptors, memory, ports) and nothing about the peer.
    ///
    /// EADDRNOTAVAIL is what connect(2) returns when no local port is left towards that destination.
    public var isLocalShortage: Bool {
        switch rawValue {
        case EADDRNOTAVAIL: true
        default: isShortageForAll
        }
    }

    /// True of shortages that another destination would meet as well: descriptors, memory, epoll registrations.
    public var isShortageForAll: Bool {
        switch rawValue {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC: true
        default: false
        }
    }

    /// True when a process or the system has no descriptor left: EMFILE, ENFILE.
    public var isOutOfDescriptors: Bool {
        rawValue == EMFILE || rawValue == ENFILE
    }

    /// ECONNREFUSED.
    public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
    /// ETIMEDOUT.
    public static let timedOut = Errno(rawValue: ETIMEDOUT)
    /// EADDRNOTAVAIL: no local port is left towards a destination, or this machine does not have the address.
    public static let addressNotAvailable = Errno(rawValue: EADDRNOTAVAIL)
    /// ENOENT.
    public static let notFound = Errno(rawValue: ENOENT)
    /// ENOMEM.
    public static let outOfMemory = Errno(rawValue: ENOMEM)
    /// ENAMETOOLONG.
    public static let nameTooLong = Errno(rawValue: ENAMETOOLONG)

    /// True when an established connection was reset: ECONNRESET, or EPIPE when the peer had ended its direction
    /// before.
    public var isReset: Bool { rawValue == ECONNRESET || rawValue == EPIPE }

    /// Lets a `switch` over an error match the numbers of <errno.h>.
    public static func ~= (number: CInt, errno: Errno) -> Bool {
        errno.rawValue == number
    }
}

/// A system call of the set-up that failed: which one, on what, and why.
public struct SystemCallError: Error, CustomStringConvertible {
    /// The call's name, as in its manual page: `bind`.
    public let call: StaticString
    /// What the call was made on, for people: `127.0.0.1:20000`. May be empty.
    public let subject: String
    /// Why it failed.
    public let errno: Errno

    /// Describes a failed call.
    public init(call: StaticString, subject: String = "", errno: Errno) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    /// `bind 127.0.0.1:20000: Address already in use`
    public var description: String {
        subject.isEmpty ? "\(call): \(errno)" : "\(call) \(subject): \(errno)"
    }
}

/// The result of a wrapper that returns a number or `-errno`: the number, or the error thrown.
@discardableResult
func check(
    _ result: CInt, _ call: StaticString, _ subject: @autoclosure () -> String = ""
) throws(SystemCallError) -> CInt {
    if result < 0 { throw SystemCallError(call: call, subject: subject(), errno: Errno(rawValue: -result)) }
    return result
}

extension Errno {
    /// EINTR.
    var isInterruption: Bool { rawValue == EINTR }
    /// EAGAIN, which is EWOULDBLOCK on Linux.
    var isWouldBlock: Bool { rawValue == EAGAIN }
}
