import Glibc

/// Why a balancer was not asked, or has not answered.
public struct AdministrationClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong.
    public enum Kind: Hashable, Sendable {
        /// The socket's file is missing.
        case noSuchFile
        /// The file is no socket.
        case notASocket
        /// The file may not be opened.
        case noPermission
        /// Nobody listens.
        case nobodyListens
        /// It is no address.
        case badAddress
        /// There was no connection, or no answer, in time.
        case timeout
        /// What answers does not speak HTTP.
        case notHTTP
        /// The connection has ended without a complete answer.
        case closed
        /// The answer is longer than any right one.
        case tooLong
        /// The answer is another one than was asked for.
        case unreadable
        /// The balancer refuses, with this status of HTTP.
        case refused(status: Int)
        /// Another system call has failed, with this `errno`.
        case system(errno: CInt)
    }

    /// What is wrong.
    public var kind: Kind
    /// Where the balancer was asked.
    public var place: AdministrationClient.Place
    /// What is wrong, in words; of a refusal what the balancer says, which names the place only where it says nothing.
    public var reason: String
    /// What helps; nil where the reason says it.
    public var remedy: String?

    /// An error; `reason` replaces the usual words.
    init(_ kind: Kind, _ place: AdministrationClient.Place, _ reason: String? = nil) {
        self.kind = kind
        self.place = place
        let usual = Self.usual(kind)
        self.reason = reason ?? usual.reason
        remedy = usual.remedy
    }

    /// `/run/balancer/admin.sock: nobody listens there; the balancer has ended: start it`
    public var description: String {
        if case .refused = kind { return reason }
        return "\(place): \(reason)" + (remedy.map { "; \($0)" } ?? "")
    }

    /// The error of a failed connect.
    static func connect(_ errno: CInt, _ place: AdministrationClient.Place) -> AdministrationClientError {
        let kind: Kind =
            switch errno {
            case ENOENT, ENOTDIR: .noSuchFile
            case ENOTSOCK, EPROTOTYPE: .notASocket
            case EACCES, EPERM: .noPermission
            case ECONNREFUSED: .nobodyListens
            case ETIMEDOUT: .timeout
            case ECONNRESET, EPIPE: .closed
            default: .system(errno: errno)
            }
        return AdministrationClientError(kind, place)
    }

    private static func usual(_ kind: Kind) -> (reason: String, remedy: String?) {
        switch kind {
        case .noSuchFile:
            (
                "there is no such file",
                "no balancer runs with this as its --admin-socket (administration.socket of a file)"
            )
        case .notASocket: ("the file is no Unix socket", "name the administration socket of the balancer")
        case .noPermission:
            (
                "the socket may not be opened",
                "only the balancer's user and root may: try sudo, or sudo -u with that user"
            )
        case .nobodyListens:
            ("nobody listens there", "the balancer has ended, or listens elsewhere: see its log, and start it again")
        case .badAddress:
            ("it is no address", "write ADDRESS:PORT, as in 127.0.0.1:9000 or [::1]:9000, or a socket's path")
        case .timeout:
            ("no answer came in time", "the balancer hangs or is stopped: see its log and its state (ps -o stat,wchan)")
        case .notHTTP:
            ("what answers there does not speak HTTP", "name the place of administration, not that of a listener")
        case .closed:
            ("the connection ended without an answer", "the balancer has ended, or has too many connections: try again")
        case .tooLong: ("the answer is longer than any right one", "name the place of administration")
        case .unreadable: ("the answer cannot be read", "use the command of the same version as the balancer's")
        case .refused(let status): ("the balancer refuses with status \(status)", nil)
        case .system(let errno):
            (unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)", nil)
        }
    }
}
