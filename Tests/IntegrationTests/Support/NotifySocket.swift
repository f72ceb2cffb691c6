import Glibc
import Synchronization
import Testing

/// The service manager's side of sd_notify(3): a socket whose datagrams are read as they arrive.
final class NotifySocket: Sendable {
    /// One datagram: lines `KEY=value`.
    struct Message: Sendable {
        let text: String
        let arrival: ContinuousClock.Instant

        subscript(key: String) -> String? {
            text.split(separator: "\n").first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
        }
    }

    /// The value for `NOTIFY_SOCKET`.
    let name: String
    private let socket: TCPSocket
    private let received = Mutex<[Message]>([])
    private let isStopping = Mutex(false)
    private let hasStopped = Mutex(false)

    /// - Parameter isAbstract: Whether the name is abstract (`@name`, without a file), as a user's manager may have it.
    init(isAbstract: Bool = false, at location: SourceLocation = #_sourceLocation) throws {
        let folder = try TestFolder(at: location)
        name = isAbstract ? "@\(folder.path)" : folder.path(of: "notify")
        socket = try UnixSocket.receiving(at: name, at: location)
        startThread(name: "notify") { [self] in
            receive()
            hasStopped.withLock { $0 = true }
        }
        TestScope.atEnd { [self] in try? stop() }
    }

    var messages: [Message] { received.withLock { $0 } }

    /// The number of messages with this key, and with this value if one is given.
    func count(_ key: String, _ value: String? = nil) -> Int {
        messages.count { $0[key] != nil && (value == nil || $0[key] == value) }
    }

    /// Waits for message number `place`, from 1, among those with this key and a value that begins with `start`.
    @discardableResult
    func wait(
        for key: String, _ start: String = "", number place: Int = 1, from program: RunningProgram,
        within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws -> Message {
        try eventually(
            "\(program.name) sends \(key)=\(start) \(place) times", within: limit,
            details: { "\(summary)\n\(program.summary)" }, at: location
        ) {
            let fitting = messages.filter { $0[key]?.hasPrefix(start) ?? false }
            return fitting.count >= place ? fitting[place - 1] : nil
        }
    }

    /// Closes the socket.
    func stop(at location: SourceLocation = #_sourceLocation) throws {
        isStopping.withLock { $0 = true }
        try eventually("the notify socket stops", at: location) { hasStopped.withLock { $0 } }
    }

    /// The received messages, for failure messages.
    var summary: String {
        "  notified:\n" + messages.map { "    | " + $0.text.replacing("\n", with: " ") }.joined(separator: "\n")
    }

    private func receive() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !isStopping.withLock({ $0 }) {
            // Wakes up every 20 ms to check whether it must stop.
            guard socket.wait(for: POLLIN, Deadline(within: .milliseconds(20))) else { continue }
            let read = unsafe buffer.withUnsafeMutableBytes { unsafe socket.readNow($0) }
            guard case .bytes(let count) = read else { continue }
            let message = Message(text: String(decoding: buffer[..<count], as: UTF8.self), arrival: .now)
            received.withLock { $0.append(message) }
        }
        socket.close()
    }
}
