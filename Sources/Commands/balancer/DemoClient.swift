import Chat
import Glibc
import Reactor

/// A chat client of the demo, with the lines on its terminal.
struct DemoClient: ~Copyable {
    let name: String
    /// The client's own address, once its row in the session table is known.
    var address = SocketAddress.unix(path: "")
    /// The index of the server that the client is connected to; -1 before that is known.
    var server = -1
    /// True when the client's connection has ended.
    private(set) var hasEnded = false
    private(set) var lines: [DemoLine] = []
    private var partial: [UInt8] = []
    private let stream: Stream
    private var encoder: LineEncoder

    private static let readBytes = 4096

    init(name: String, to address: SocketAddress) throws {
        let stream = try Stream(for: address, from: nil)
        if case .failed(let errno) = stream.connect(to: address) { throw errno }
        encoder = LineEncoder(name: try ChatName(name))
        self.stream = stream
        self.name = name
    }

    /// The received lines, without the typed ones.
    var received: [String] { lines.filter { !$0.isTyped }.map(\.text) }

    /// Sends a line as if its user had typed it; returns the line that all clients of the same server should receive.
    mutating func type(_ text: String) -> String {
        lines.append(DemoLine(text: text, isTyped: true))
        var bytes: [UInt8] = []
        encoder.encode(Array((text + "\n").utf8).span, into: &bytes)
        // A few bytes on an established connection: the kernel takes them all.
        _ = unsafe bytes.withUnsafeBytes { unsafe stream.send($0) }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }

    /// Reads everything that has arrived.
    mutating func read() {
        var bytes = [UInt8](repeating: 0, count: Self.readBytes)
        while !hasEnded {
            switch unsafe bytes.withUnsafeMutableBytes({ unsafe stream.receive(into: $0) }) {
            case .bytes(let count): take(bytes[..<count])
            case .wouldBlock: return
            case .endOfStream, .failed: hasEnded = true
            }
        }
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(DemoLine(text: String(decoding: partial, as: UTF8.self), isTyped: false))
                partial = []
            } else {
                partial.append(byte)
            }
        }
    }
}
