import Glibc
import Reactor

extension ChatClient {
    /// Chats until one side leaves.
    ///
    /// - Throws: the system call that failed, of those that cannot.
    public mutating func run() throws(SystemCallError) -> End {
        watchInput()
        redraw()
        var end: End?
        while end == nil { end = try turn() }
        if let end, end != .serverDisconnected {
            if end != .left { isPrinting = false }
            try leave()
        }
        if terminal.isActive, !editor.isEmpty { _ = print("\r\n".utf8.span) }
        return end ?? .left
    }

    private mutating func turn() throws(SystemCallError) -> End? {
        try poller.poll(into: &events, timeout: timeout)
        if events.count == 0, let end = showUnfinished() { return end }
        if let end = handleEvents() { return end }
        if isReceivable, let end = receive() { return end }
        if mayRead, isInputReady || input == .direct, let end = readInput() { return end }
        send()
        switch (input, mayRead) {
        case (.watched, false):
            // Level-triggered: it would be reported over and over.
            poller.remove(number: inputNumber)
            input = .paused
        case (.paused, true): watchInput()
        default: break
        }
        return nil
    }

    private var mayRead: Bool { outgoing.count - sent < Self.outgoingBytesMax }

    private var timeout: Poller.Timeout {
        if isReceivable || (input == .direct && mayRead) { return .immediately }
        return unfinished.isEmpty ? .never : .milliseconds(Self.unfinishedLineMilliseconds)
    }

    private mutating func handleEvents() -> End? {
        isInputReady = false
        for index in 0..<events.count {
            let event = events[index]
            switch ClientToken(of: event.token) {
            case .server:
                if event.readiness.contains(.writable) { isSendable = true }
                if !event.readiness.isDisjoint(with: Readiness.ending.union(.readable)) { isReceivable = true }
            case .input: isInputReady = true
            case .signals: if let end = handleSignals() { return end }
            }
        }
        return nil
    }

    private mutating func handleSignals() -> End? {
        while let signal = signals?.next() ?? nil {
            guard signal == .windowChange else { return .signal(signal) }
            redraw()
        }
        return nil
    }

    // MARK: input

    private mutating func watchInput() {
        if let errno = poller.add(number: inputNumber, Token(ClientToken.input), .input) {
            // EPERM: a regular file or /dev/null. A read reports whatever else is wrong with it.
            _ = errno
            input = .direct
        } else {
            input = .watched
        }
    }

    private mutating func readInput() -> End? {
        let count = unsafe read(inputNumber, inputBuffer.memory.baseAddress, inputBuffer.memory.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return nil }
        guard count > 0 else {
            // An error is an end as well: a terminal that has gone says EIO, a closed descriptor EBADF.
            encoder.finish(into: &outgoing)
            return .left
        }
        let typed = unsafe Span<UInt8>(_bytes: inputBuffer.prefix(count).bytes)
        if terminal.isActive { return edit(typed) }
        encoder.encode(typed, into: &outgoing)
        return encoder.hasLeft ? .left : nil
    }

    // MARK: the server

    private mutating func receive() -> End? {
        switch unsafe stream.receive(into: receiveBuffer.memory) {
        case .bytes(let count):
            let received = unsafe Span<UInt8>(_bytes: receiveBuffer.prefix(count).bytes)
            if !isPrinting { return nil }
            return terminal.isActive ? show(received) : print(received)
        case .wouldBlock:
            isReceivable = false
            return nil
        case .endOfStream, .failed:
            return isPrinting ? showUnfinished() ?? .serverDisconnected : .serverDisconnected
        }
    }

    private mutating func send() {
        while isSendable, sent < outgoing.count {
            switch offer() {
            case .bytes(let count): sent += count
            case .wouldBlock: isSendable = false
            case .failed:
                // A read reports what has become of the server, after the last bytes that it sent.
                sent = outgoing.count
                isReceivable = true
            }
        }
        if sent == outgoing.count {
            outgoing.removeAll(keepingCapacity: true)
            sent = 0
        }
    }

    private func offer() -> SendResult {
        let rest = outgoing.span.extracting(sent..<outgoing.count)
        return unsafe rest.withUnsafeBytes { unsafe stream.send($0) }
    }

    /// Sends what was typed, shuts down the write side, and reads until the server has closed its side.
    private mutating func leave() throws(SystemCallError) {
        if input == .watched { poller.remove(number: inputNumber) }
        var isShut = false
        let deadline = Clock.monotonic.now() + .seconds(Self.leaveSeconds)
        while true {
            send()
            if outgoing.isEmpty, !isShut {
                stream.shutdownWrite()
                isShut = true
            }
            while isReceivable { if receive() != nil { return } }
            let left = deadline - Clock.monotonic.now()
            guard left > .zero else { return }
            try poller.poll(into: &events, timeout: .milliseconds(CInt(left.milliseconds) + 1))
            // A second Ctrl-C or SIGTERM: leave at once.
            if handleEvents() != nil { return }
        }
    }
}
