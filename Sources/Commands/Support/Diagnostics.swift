import ArgumentParser
import Glibc
import Reactor

/// Writes `program: reason` to standard error.
public func complain(_ program: String, _ reason: String) {
    let line = "\(program): \(reason)\n"
    _ = unsafe line.utf8.withContiguousStorageIfAvailable { unsafe write(2, $0.baseAddress, $0.count) }
}

/// Prints which call failed, in which part of the program, the cause, and a remedy if one is known. Returns the exit
/// code, from sysexits.h.
public func failure(_ program: String, _ error: SystemCallError, in part: String? = nil) -> ExitCode {
    let (remedy, code) = error.subject.hasPrefix("unix:") ? pathRemedy(error.errno) : remedy(error.errno)
    complain(program, "\(part.map { "\($0): " } ?? "")\(error)\(remedy.map { " (\($0))" } ?? "")")
    return ExitCode(code)
}

/// The remedy and the exit code for an error of a TCP socket or of a resource.
private func remedy(_ errno: Errno) -> (text: String?, code: Int32) {
    switch errno.rawValue {
    case EADDRINUSE: ("another program listens there: stop it, or choose another port", EX_UNAVAILABLE)
    case EADDRNOTAVAIL:
        ("this machine does not have that address: give one that `ip address` lists, or 0.0.0.0", EX_UNAVAILABLE)
    case EACCES, EPERM: ("a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE", EX_NOPERM)
    case EMFILE, ENFILE: ("raise the limit of open descriptors: ulimit -n", EX_OSERR)
    case ENOMEM: (memoryRemedy(), EX_OSERR)
    // Of pthread_create(3), also where there is no address space for a thread's stack.
    case EAGAIN: (MemoryLimit.ofAddressSpace() == nil ? threadsRemedy : memoryRemedy(), EX_OSERR)
    case EAFNOSUPPORT: ("this machine does not support that address family: IPv6 may be disabled", EX_UNAVAILABLE)
    default: (nil, EX_OSERR)
    }
}

private let threadsRemedy = "raise the limit of threads (ulimit -u, TasksMax=) or start fewer"

/// Names the limit on memory that is reached.
private func memoryRemedy() -> String {
    guard let limit = MemoryLimit.ofAddressSpace() else {
        return "the machine grants no more memory: free some, or raise vm.overcommit_ratio"
    }
    return "the limit is \(limit): raise it, or start fewer threads"
}

/// The remedy and the exit code for an error of a Unix socket.
private func pathRemedy(_ errno: Errno) -> (text: String?, code: Int32) {
    switch errno.rawValue {
    case EADDRINUSE: ("another process answers there: stop it, or choose another path", EX_UNAVAILABLE)
    case EEXIST: ("the file there is not a socket: remove it, or choose another path", EX_CANTCREAT)
    case ENOENT, ENOTDIR: ("its folder does not exist: create it first", EX_CANTCREAT)
    case EACCES, EPERM, EROFS: ("this user may not write to its folder", EX_CANTCREAT)
    case ENAMETOOLONG: ("choose a shorter path", EX_CANTCREAT)
    default: remedy(errno)
    }
}
