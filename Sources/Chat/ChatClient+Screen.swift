import Glibc
import Reactor

extension ChatClient {
    // MARK: printing

    /// Writes bytes as they are, and waits for a slow reader without a limit: a client that cannot print must not read
    /// on.
    mutating func print(_ bytes: Span<UInt8>) -> End? {
        var done = 0
        while done < bytes.count {
            let rest = bytes.extracting(done..<bytes.count)
            let result = unsafe rest.withUnsafeBytes { unsafe output.write($0) }
            switch result {
            case .bytes(let count): done += count
            case .wouldBlock: _ = output.waitForRoom(milliseconds: -1)
            case .failed(let errno):
                isPrinting = false
                return errno.rawValue == EPIPE ? .left : .outputFailed(errno)
            }
        }
        return nil
    }

    // MARK: at a terminal

    /// Shows the whole lines of what was received above the line that is being typed.
    mutating func show(_ received: Span<UInt8>) -> End? {
        var start = 0
        if wasSplit, unfinished.isEmpty, received[0] == UInt8(ascii: "\n") { start = 1 }
        wasSplit = false
        for index in start..<received.count { unfinished.append(received[index]) }
        if let last = unfinished.lastIndex(of: UInt8(ascii: "\n")) {
            let lines = Array(unfinished[...last])
            unfinished.removeFirst(last + 1)
            let end = showMessage(lines.span)
            if end != nil { return end }
        }
        return unfinished.count < LineProtocol.lineBytesMax ? nil : showUnfinished()
    }

    /// Shows a line that has waited for its end long enough, on a row of its own.
    mutating func showUnfinished() -> End? {
        guard !unfinished.isEmpty else { return nil }
        let end = showMessage((unfinished + [UInt8(ascii: "\n")]).span)
        unfinished.removeAll()
        wasSplit = true
        return end
    }

    private mutating func showMessage(_ message: Span<UInt8>) -> End? {
        var screen: [UInt8] = []
        LineEditor.erase(into: &screen)
        VisibleText.append(message, to: &screen)
        drawInput(into: &screen)
        return print(screen.span)
    }

    mutating func redraw() {
        guard terminal.isActive else { return }
        var screen: [UInt8] = []
        drawInput(into: &screen)
        _ = print(screen.span)
    }

    private mutating func drawInput(into screen: inout [UInt8]) {
        guard !editor.isEmpty else { return }
        editor.draw(columns: terminal.columns, into: &screen)
    }

    /// Handles keys. A finished line stays where it was typed; the server's echo follows it.
    mutating func edit(_ keys: Span<UInt8>) -> End? {
        var screen: [UInt8] = []
        var end: End?
        for index in keys.indices where end == nil {
            switch editor.type(keys[index]) {
            case .editing: break
            case .interrupt: end = .signal(.interrupt)
            case .endOfInput: end = .left
            case .line(let text):
                LineEditor.erase(into: &screen)
                let line = Array("\(text)\n".utf8)
                screen += line
                encoder.encode(line.span, into: &outgoing)
                if encoder.hasLeft { end = .left }
            }
        }
        LineEditor.erase(into: &screen)
        drawInput(into: &screen)
        return print(screen.span) ?? end
    }
}
