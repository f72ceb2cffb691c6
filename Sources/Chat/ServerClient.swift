import Reactor

/// One client of the chat server: its stream and what the server knows of it.
///
/// ```
///                 first byte, or the grace has passed
///   unannounced -------------------------------------> chatting
///        |                                                |
///        | FIN: announced first                           | FIN
///        +----------------------+-------------------------+
///                               v
///                           draining: what is queued for it is still sent; nothing new is queued
/// ```
///
/// A failed stream ends the client in every phase; in `unannounced` without a line (a health probe that resets).
struct ServerClient: ~Copyable {
    enum ClientPhase {
        case unannounced
        case chatting
        case draining
    }

    let stream: Stream
    let address: SocketAddress
    /// The grace of an unannounced client, the wait for the end of a line, the time limit of a draining client.
    var timer: TimerID = .none
    var phase = ClientPhase.unannounced
    /// What it has not taken yet. While this holds something, new bytes queue behind it.
    var backlog: ByteQueue
    /// The beginning of a line, whose end has not come yet.
    var unfinished: [UInt8] = []
    var unfinishedSince = Instant(nanoseconds: 0)
    /// The end, or urgent data, was reported: a short read no longer proves that all is read.
    var isEnding = false
    /// It has sent something that is not read before it has taken its backlog.
    var isHeld = false
    /// It stands in the loop's queue of clients to be read from.
    var isQueued = false

    init(stream: consuming Stream, address: SocketAddress, backlogLimit: Int) {
        self.stream = stream
        self.address = address
        backlog = ByteQueue(limit: backlogLimit)
    }

    /// The result of offering bytes to a client.
    enum Delivery {
        /// The kernel has them, or they wait in the backlog.
        case accepted
        /// More would wait than is allowed.
        case tooSlow
        /// The stream has failed.
        case failed
    }

    /// Sends `bytes`, or queues what the kernel does not take.
    mutating func deliver(_ bytes: UnsafeRawBufferPointer) -> Delivery {
        var rest = unsafe bytes
        while backlog.isEmpty, unsafe !rest.isEmpty {
            switch unsafe stream.send(rest) {
            case .bytes(let count): unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .wouldBlock: return unsafe backlog.append(rest) ? .accepted : .tooSlow
            case .failed: return .failed
            }
        }
        return unsafe backlog.append(rest) ? .accepted : .tooSlow
    }

    /// Sends what waits, as far as the kernel takes it.
    mutating func sendBacklog() -> Delivery {
        while !backlog.isEmpty {
            switch unsafe stream.send(backlog.bytes) {
            case .bytes(let count): backlog.removeFirst(count)
            case .wouldBlock: return .accepted
            case .failed: return .failed
            }
        }
        return .accepted
    }
}

/// Why a client leaves the server.
enum Departure {
    /// It ended its direction, and has what was queued for it or did not take it in time.
    case ended
    /// The connection failed.
    case failed
    /// Too much waits for it.
    case tooSlow
    /// Too much waits for all clients together, and more for this one than for others.
    case crowdedOut
}
