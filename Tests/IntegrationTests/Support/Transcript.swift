import Foundation
import Glibc
import Synchronization
import Testing

/// The output of a program on one stream, with the arrival time of each line.
final class Transcript: Sendable {
    struct Line: Sendable {
        let text: String
        let arrival: ContinuousClock.Instant
    }

    private struct Contents {
        var bytes: [UInt8] = []
        var lines: [Line] = []
        var lineStart = 0
        var isEnded = false
    }

    private let name: String
    private let contents = Mutex(Contents())

    init(named name: String) {
        self.name = name
    }

    var lines: [Line] { contents.withLock { $0.lines } }
    var texts: [String] { lines.map(\.text) }
    var bytes: [UInt8] { contents.withLock { $0.bytes } }
    /// The whole output, including a last line without a line end.
    var text: String { String(decoding: bytes, as: UTF8.self) }
    var isEnded: Bool { contents.withLock { $0.isEnded } }

    /// The last lines, for failure messages.
    var summary: String {
        let lines = texts
        let shown = lines.suffix(40).map { "    | \($0)" }.joined(separator: "\n")
        return "  \(name), \(lines.count) lines\(isEnded ? ", ended" : ""):\n\(shown)"
    }

    func count(of text: String) -> Int {
        count { $0 == text }
    }

    func count(where isCounted: (String) -> Bool) -> Int {
        lines.count { isCounted($0.text) }
    }

    /// Reads `descriptor` to its end on its own thread, and closes it.
    func collect(from descriptor: Int32) {
        startThread(name: name) { [self] in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { break }
                append(buffer[..<count])
            }
            Glibc.close(descriptor)
            contents.withLock { $0.isEnded = true }
        }
    }

    private func append(_ piece: ArraySlice<UInt8>) {
        let arrival = ContinuousClock.now
        contents.withLock { contents in
            contents.bytes += piece
            while let end = contents.bytes[contents.lineStart...].firstIndex(of: UInt8(ascii: "\n")) {
                let text = String(decoding: contents.bytes[contents.lineStart..<end], as: UTF8.self)
                contents.lines.append(Line(text: text, arrival: arrival))
                contents.lineStart = end + 1
            }
        }
    }
}
