import Glibc
import Testing

/// A connection on which a test sends arbitrary bytes.
final class RawConnection {
    private let descriptor: CInt
    /// What has come and was not taken.
    private var received: [UInt8] = []
    private(set) var isAtEnd = false
    /// The end was not an orderly one: bytes may have been lost.
    private(set) var wasReset = false

    /// How long a test waits for what must come; nothing takes that long unless it is broken.
    static let patience = Duration.seconds(30)

    /// Connects to a port of 127.0.0.1, or to a Unix socket. A small receive buffer fills soon. The
    /// socket is made before where none can be made any more.
    init?(socket made: CInt? = nil, port: Int? = nil, path: String? = nil, receiveBuffer: CInt? = nil) {
        let family = port == nil ? AF_UNIX : AF_INET
        var address: [UInt8] = unsafe withUnsafeBytes(of: sa_family_t(family)) { unsafe Array($0) }
        if let port {
            address += [UInt8(port >> 8), UInt8(port & 0xFF), 127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
        } else if let path {
            address += Array(path.utf8) + [0]
        }
        descriptor = made ?? socket(family, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        if var size = receiveBuffer {
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        let result = unsafe address.withUnsafeBytes { bytes in
            unsafe bytes.withMemoryRebound(to: sockaddr.self) {
                unsafe connect(descriptor, $0.baseAddress, socklen_t(address.count))
            }
        }
        guard result == 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// Sends bytes; false when the peer takes no more.
    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Sends bytes; false when the peer takes no more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Says that nothing more is sent.
    func endOutput() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Reads what comes until this text has come `count` times, or the end, or the end of patience. What has come
    /// stays.
    @discardableResult
    func read(until text: String, count: Int = 1) -> String {
        let deadline = ContinuousClock.now + Self.patience
        let searched = Array(text.utf8)
        var found = 0
        var position = 0
        while ContinuousClock.now < deadline {
            while found < count, let range = received.firstRange(of: searched, from: position) {
                found += 1
                position = range.upperBound
            }
            if found == count || isAtEnd { break }
            // The text may have come in part.
            position = max(position, received.count - searched.count + 1)
            readSome()
        }
        return String(decoding: received, as: UTF8.self)
    }

    /// All until the end, which must come.
    func readAll(at location: SourceLocation = #_sourceLocation) -> String {
        let deadline = ContinuousClock.now + Self.patience
        while !isAtEnd, ContinuousClock.now < deadline { readSome() }
        #expect(isAtEnd, "the connection was not closed", sourceLocation: location)
        return String(decoding: received, as: UTF8.self)
    }

    /// The status and the body of the next answer, which has a length.
    func readAnswer(hasBody: Bool = true) -> (status: Int, head: String, body: String)? {
        let separator = Array("\r\n\r\n".utf8)
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            if let end = received.firstRange(of: separator) {
                let head = String(decoding: received[..<end.lowerBound], as: UTF8.self)
                let length = hasBody ? Self.length(head) : 0
                if received.count >= end.upperBound + length {
                    let body = String(decoding: received[end.upperBound..<(end.upperBound + length)], as: UTF8.self)
                    received.removeFirst(end.upperBound + length)
                    let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) }
                    return (status ?? 0, head, body)
                }
            }
            guard !isAtEnd else { return nil }
            readSome()
        }
        return nil
    }

    private static func length(_ head: String) -> Int {
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix("content-length: ") {
            return Int(line.dropFirst("content-length: ".count)) ?? 0
        }
        return 0
    }

    private func readSome() {
        var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&poller, 1, 1000) > 0 else { return }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count < 0 { wasReset = true }
        if count <= 0 { isAtEnd = true } else { received += bytes.prefix(count) }
    }
}

extension Array<UInt8> {
    /// Where these bytes stand first, at or behind a position.
    func firstRange(of other: [UInt8], from start: Int = 0) -> Range<Int>? {
        guard let first = other.first, count >= other.count, start <= count - other.count else { return nil }
        for place in start...(count - other.count) where self[place] == first {
            if self[place..<(place + other.count)].elementsEqual(other) { return place..<(place + other.count) }
        }
        return nil
    }
}
