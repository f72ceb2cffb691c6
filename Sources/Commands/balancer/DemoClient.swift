import Chat
import Glibc
import Reactor

/// A chat client of the demo, and what stands on its terminal.
struct DemoClient: ~Copyable {
    let name: String
    /// Its own address, once the session table has told it.
    var address = SocketAddress.unix(path: "")
    /// The number of the server that it landed on.
    var server = -1
    /// Its connection has ended.
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

    /// What it has received, without what was typed.
    var received: [String] { lines.filter { !$0.isTyped }.map(\.text) }

    /// Sends what its user types; returns the line that everybody at its server should now receive.
    mutating func type(_ text: String) -> String {
        lines.append(DemoLine(text: text, isTyped: true))
        var bytes: [UInt8] = []
        encoder.encode(Array((text + "\n").utf8).span, into: &bytes)
        // A few bytes on a connection that stands: the kernel takes them all.
        _ = unsafe bytes.withUnsafeBytes { unsafe stream.send($0) }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }

    /// Takes what has arrived.
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
