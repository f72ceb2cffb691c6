import Glibc
import Reactor

/// A blocking client of the status socket, for programs without a loop.
public enum StatusQuestion {
    /// Why there is no answer.
    public struct Failure: Error, CustomStringConvertible {
        /// One line, for display.
        public let description: String
        /// The kernel's error; nil when there was none, as when the balancer closed without an answer.
        public let errno: Errno?
    }

    /// More than any report has.
    private static let answerBytesMax = 1 << 20
    /// Between two attempts while the balancer's queue is full, in microseconds.
    private static let retryMicroseconds: UInt32 = 5000

    /// Returns the answer of the balancer at `path`; blocks for `limit` at the most.
    public static func ask(_ path: String, within limit: Duration) throws(Failure) -> String {
        guard let address = SocketAddress(unixPath: path) else {
            throw Failure(
                description: "the path of a Unix socket has 1 to \(SocketAddress.unixPathBytesMax) bytes", errno: nil)
        }
        let answer: [UInt8]
        do throws(Errno) {
            let deadline = Clock.monotonic.now() + limit
            answer = try readToEnd(try connect(to: address, until: deadline), until: deadline)
        } catch {
            throw Failure(description: "\(error)\(remedy(error, path))", errno: error)
        }
        guard !answer.isEmpty else {
            throw Failure(description: "closed without an answer: it is ending, or is no balancer", errno: nil)
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private static func remedy(_ errno: Errno, _ path: String) -> String {
        switch errno.rawValue {
        // connect(2) refuses any file that is no socket in the same way.
        case ECONNREFUSED where !path.hasPrefix("@") && !SocketFile.isSocket(path):
            ": that file is not a socket; give the path of the balancer's --status-socket"
        case ENOENT, ENOTDIR:
            ": no balancer runs with this as its --status-socket, and one without that option cannot be asked; start "
                + "`balancer ... --status-socket PATH`, then ask `balancer status PATH`"
        case ECONNREFUSED where path.hasPrefix("@"): ": no process listens there; give the path of a --status-socket"
        case ECONNREFUSED: ": the balancer that made it has ended; start it again"
        case ETIMEDOUT: ": it hangs, or is no balancer; a longer --timeout waits longer"
        case EACCES: ": only the balancer's user and root may ask; ask as one of them"
        default: ""
        }
    }

    private static func connect(to address: SocketAddress, until deadline: Instant) throws(Errno) -> Stream {
        while true {
            let stream = try Stream(for: address, from: nil)
            switch stream.connect(to: address) {
            case .connected, .inProgress: return stream
            // Of a Unix socket: the listener's queue is full.
            case .failed(let errno) where errno.rawValue == EAGAIN && Clock.monotonic.now() < deadline:
                usleep(retryMicroseconds)
            case .failed(let errno): throw errno.rawValue == EAGAIN ? .timedOut : errno
            }
        }
    }

    private static func readToEnd(_ stream: borrowing Stream, until deadline: Instant) throws(Errno) -> [UInt8] {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while answer.count < answerBytesMax {
            let result = unsafe chunk.withUnsafeMutableBytes { unsafe stream.receive(into: $0) }
            switch result {
            case .bytes(let count): answer += chunk[..<count]
            case .endOfStream: return answer
            case .failed(let errno): throw errno
            case .wouldBlock:
                let now = Clock.monotonic.now()
                guard now < deadline, stream.waitReadable(deadline - now) else { throw .timedOut }
            }
        }
        return answer
    }
}
