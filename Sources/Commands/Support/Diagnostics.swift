import ArgumentParser
import Glibc
import Reactor

/// Writes `program: reason` to standard error, as one line.
public func complain(_ program: String, _ reason: String) {
    complain(line: ErrorText.line("\(program): \(reason)"))
}

/// Prints which call failed, in which part of the program, the cause, and a remedy if one is known. Returns the exit
/// code, from sysexits.h.
///
/// - Parameter threads: Those that the program was to run.
public func failure(
    _ program: String, _ error: SystemCallError, in part: String? = nil, threads: ThreadCount = ThreadCount(loops: 1)
) -> ExitCode {
    let (remedy, code) =
        error.subject.hasPrefix("unix:") ? pathRemedy(error.errno, threads) : remedy(error.errno, threads)
    complain(program, "\(part.map { "\($0): " } ?? "")\(error)\(remedy.map { " (\($0))" } ?? "")")
    return ExitCode(code)
}

/// Prints why a file that is to be written cannot be opened, for which setting, and the remedy. Returns the exit code.
public func failure(_ program: String, opening path: String, for setting: String, _ errno: Errno) -> ExitCode {
    let remedy: String? =
        switch errno.rawValue {
        case ENOENT, ENOTDIR: "its folder does not exist: create it first"
        case EACCES, EPERM, EROFS: "this user may not write there: change the owner of the file or of its folder"
        case EISDIR: "it is a folder: name a file in it"
        case ENXIO: "nobody reads from it: start the reader first"
        case ENAMETOOLONG: "choose a shorter path"
        case EMFILE, ENFILE: "raise the limit of open descriptors: ulimit -n"
        default: nil
        }
    complain(program, "\(setting): \(path): \(errno)\(remedy.map { " (\($0))" } ?? "")")
    return ExitCode(EX_CANTCREAT)
}

/// What to do about an error of a TCP socket or of a resource; nil when nothing is known.
public func remedy(for errno: Errno) -> String? { remedy(errno, ThreadCount(loops: 1)).text }

/// The remedy and the exit code for an error of a TCP socket or of a resource.
private func remedy(_ errno: Errno, _ threads: ThreadCount) -> (text: String?, code: Int32) {
    switch errno.rawValue {
    case EADDRINUSE: ("another program listens there: stop it, or choose another port", EX_UNAVAILABLE)
    case EADDRNOTAVAIL:
        ("this machine does not have that address: give one that `ip address` lists, or 0.0.0.0", EX_UNAVAILABLE)
    case EACCES, EPERM: ("a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE", EX_NOPERM)
    case EMFILE, ENFILE: ("raise the limit of open descriptors: ulimit -n", EX_OSERR)
    case ENOMEM: (memoryRemedy(threads), EX_OSERR)
    // Of pthread_create(3), also where there is no address space for a thread's stack.
    case EAGAIN: (MemoryLimit.ofAddressSpace() == nil ? threadsRemedy(threads) : memoryRemedy(threads), EX_OSERR)
    case EAFNOSUPPORT: ("this machine does not support that address family: IPv6 may be disabled", EX_UNAVAILABLE)
    default: (nil, EX_OSERR)
    }
}

private func threadsRemedy(_ threads: ThreadCount) -> String {
    "raise the limit of threads (ulimit -u, TasksMax=)\(threads.loops > 1 ? ", or give a smaller --threads" : "")"
}

/// Names the limit on memory that is reached, and how much the start needs. Of the options only `--threads` changes that:
/// a loop's tables are reserved for few sessions, and grow.
private func memoryRemedy(_ threads: ThreadCount) -> String {
    guard let limit = MemoryLimit.ofAddressSpace() else {
        return "the machine grants no more memory: free some, or raise vm.overcommit_ratio"
    }
    let neededMiB = (limit.usedBytes + Startup.bytesNeeded(threads)) >> 20 + 1
    return "the limit is \(limit): raise it to \(neededMiB) MiB or more"
        + (threads.loops > 1 ? ", or give a smaller --threads" : "")
}

/// The remedy and the exit code for an error of a Unix socket.
private func pathRemedy(_ errno: Errno, _ threads: ThreadCount) -> (text: String?, code: Int32) {
    switch errno.rawValue {
    case EADDRINUSE: ("another process answers there: stop it, or choose another path", EX_UNAVAILABLE)
    // It may be a folder, or a file that somebody needs.
    case EEXIST: ("what is there is not a socket, and stays: choose another path", EX_CANTCREAT)
    case ENOENT, ENOTDIR: ("its folder does not exist: create it first", EX_CANTCREAT)
    case EACCES, EPERM, EROFS: ("this user may not write to its folder", EX_CANTCREAT)
    case ENAMETOOLONG: ("choose a shorter path", EX_CANTCREAT)
    default: remedy(errno, threads)
    }
}
