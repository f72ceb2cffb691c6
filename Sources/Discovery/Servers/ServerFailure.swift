import Reactor

/// A name server that was asked and has not answered the question.
public struct ServerFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The server.
    public let server: SocketAddress
    /// It was asked by TCP.
    public let isStream: Bool
    /// What it did instead.
    public let cause: Cause

    /// What a server did instead of answering.
    public enum Cause: Error, Hashable, Sendable {
        /// Nothing, for so long.
        case silent(Duration)
        /// The kernel reports that it cannot be reached, or that something is short on this machine.
        case system(Errno)
        /// By TCP: it closed the connection, after so many bytes of an answer.
        case closed(afterBytes: Int)
        /// It says that it cannot or will not answer.
        case code(ResponseCode)
        /// It knows nothing of the name, and asks nobody: a server for some domains only, or one that does not serve us.
        case noRecursion
        /// It sent something that is no answer.
        case malformed(WireFault)
    }

    /// `10.0.0.53:53 did not answer within 5.0 s`, `10.0.0.53:53: Connection refused (by TCP)`.
    public var description: String {
        let way = isStream ? " (by TCP)" : ""
        return switch cause {
        case .silent(let time): "\(server) did not answer within \(Double(Int(time.milliseconds)) / 1000) s\(way)"
        case .system(let errno): "\(server): \(errno)\(way)"
        case .closed(0): "\(server) closed the connection without an answer\(way)"
        case .closed(let count): "\(server) closed the connection after \(count) bytes of its answer\(way)"
        case .code(let code): "\(server) failed with \(code)\(way)"
        case .noRecursion: "\(server) does not know the name and asks no other server\(way)"
        case .malformed(let fault): "the answer of \(server) \(fault)\(way)"
        }
    }

    /// It sent something that is no answer.
    public var isMalformed: Bool {
        if case .malformed = cause { return true }
        return false
    }
}

/// No name server has answered a question.
public struct Unanswered: Error, Hashable, Sendable, CustomStringConvertible {
    /// The question.
    public let question: Question
    /// What each server did that was asked, at most one failure of each. Empty when there was no time left to ask.
    public internal(set) var failures: [ServerFailure] = []

    /// `no name server answered for db.example.org. A: 10.0.0.53:53 did not answer within 5.0 s`
    public var description: String {
        let reasons = failures.map(\.description).joined(separator: "; ")
        return "no name server answered for \(question): \(reasons.isEmpty ? "there was no time left to ask" : reasons)"
    }

    /// Keeps the last failure of each server; a malformed answer tells more than a later silence.
    mutating func note(_ failure: ServerFailure) {
        guard let index = failures.firstIndex(where: { $0.server == failure.server }) else {
            return failures.append(failure)
        }
        if failure.isMalformed || !failures[index].isMalformed { failures[index] = failure }
    }
}
