import Glibc
import Reactor

/// One end of a session: a socket, its script, and how far it is.
final class Peer {
    /// Bytes that one side sends and reads in a turn, so that the others have their share.
    private static let shareBytes = 256 * 1024
    /// How often a slow reader reads.
    private static let readsPerSecond = 20
    private static let readPause = Duration.milliseconds(1000 / readsPerSecond)
    /// How often a side looks whether its bytes are acknowledged, which no event reports: the pause doubles up to the
    /// longest.
    private static let shortestLook = 1
    private static let longestLook = 32

    /// What a call of ``serve(_:_:_:)`` leaves to be done.
    enum Step {
        /// Nothing before the next event.
        case waits
        /// Nothing before the next event or this instant.
        case waitsUntil(Instant)
        /// It has used up its share of the turn.
        case more
        /// It has left: the socket is to be closed.
        case left
    }

    private(set) var stream: Stream
    let timer: TimerID
    var isQueued = false
    var isConnected: Bool
    /// nil of a connection to the backend that has not shown yet to which session it belongs.
    private(set) var session: Session?
    private(set) var isClient = false
    private(set) var outcome = Outcome()

    private var isReadable = false
    private var isWritable = false
    private var hasFinished = false
    /// A write has failed. The kernel tells of a RST once: a read may then end as after a FIN.
    private var hasBroken = false
    /// The poller has reported a RST; there may be something to read.
    private var hasError = false
    private var look = Peer.shortestLook
    private var readsFrom = Instant(nanoseconds: 0)
    private var sendsFrom = Instant(nanoseconds: 0)
    /// What is left of a burst, and of the bytes before the next pause in sending.
    private var burst = 0
    private var stretch = 0

    init(_ stream: consuming Stream, timer: TimerID, isConnected: Bool) {
        self.stream = stream
        self.timer = timer
        self.isConnected = isConnected
    }

    /// Makes it one side of a session.
    func join(_ session: Session, asClient: Bool) {
        self.session = session
        isClient = asClient
        let script = script(of: session)
        setBuffer(SO_SNDBUF, script.sendBuffer)
        setBuffer(SO_RCVBUF, script.receiveBuffer)
        stretch = script.gap?.bytes ?? 0
    }

    /// Closes the socket. What it did stays known for the judgement.
    func close() { stream = .empty }

    /// Releases the session, which holds this peer as well.
    func forgetSession() { session = nil }

    private func setBuffer(_ option: CInt, _ bytes: CInt?) {
        guard var bytes else { return }
        _ = unsafe setsockopt(stream.number, SOL_SOCKET, option, &bytes, socklen_t(MemoryLayout<CInt>.size))
    }

    func note(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.readable, .ending]) { isReadable = true }
        if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { isWritable = true }
        if readiness.contains(.error) { hasError = true }
    }

    /// A side that has left keeps its outcome, and its script, for the judgement.
    private func script(of session: Session) -> SideScript {
        isClient ? session.script.client : session.script.backend
    }

    private func other(of session: Session) -> SideScript {
        isClient ? session.script.backend : session.script.client
    }

    // MARK: the session of a connection to the backend

    /// The first bytes of a connection that has no session yet; nil when there are too few. `hasEnded`: there will not
    /// be more.
    func readMark(_ buffer: borrowing ByteBuffer) -> (mark: UInt64?, hasEnded: Bool) {
        guard isReadable else { return (nil, false) }
        // Asked before the bytes are counted, so that none can come in between.
        let hasEnded = hasPeerEnded
        switch unsafe stream.receive(into: buffer.room(Tape.markBytes), peek: true) {
        case .bytes(Tape.markBytes): return (unsafe Tape.mark(of: buffer.prefix(Tape.markBytes)), false)
        case .bytes, .wouldBlock:
            // What comes next is an event.
            isReadable = false
            return (nil, hasEnded)
        case .endOfStream, .failed: return (nil, true)
        }
    }

    /// The other side has ended its stream, which a peek does not tell while there are bytes before the end.
    private var hasPeerEnded: Bool {
        // POLLRDHUP, which Glibc's module lacks: poll(2).
        let readHangup: Int16 = 0x2000
        var request = pollfd(fd: stream.number, events: readHangup, revents: 0)
        return unsafe poll(&request, 1, 0) == 1
    }

    // MARK: serving

    /// Sends, reads and leaves, as far as the script and the socket allow.
    func serve(_ now: Instant, _ tape: borrowing Tape, _ buffer: borrowing ByteBuffer) -> Step {
        guard let session else { return .waits }
        let script = script(of: session)
        let hasMoreToSend = send(script, now, tape)
        let hasMoreToRead = outcome.fault == nil && read(script, other(of: session), now, tape, buffer)
        if outcome.fault != nil { return leave(session, byReset: true) }
        if let step = end(script, session, now) { return step }
        if hasMoreToSend || hasMoreToRead { return .more }
        return wait(script, now)
    }

    /// True when there is more to send at once.
    private func send(_ script: SideScript, _ now: Instant, _ tape: borrowing Tape) -> Bool {
        var share = Self.shareBytes
        let limit = script.bytesToSend
        while isWritable, outcome.sent < limit, !hasBroken, outcome.end != .reset, now >= sendsFrom {
            guard share > 0 else { return true }
            var count = min(script.chunk, limit - outcome.sent)
            if script.gap != nil { count = min(count, stretch) }
            let run = unsafe tape.run(start: script.start, position: outcome.sent, count: count)
            switch unsafe stream.send(run) {
            case .bytes(let taken):
                outcome.sent += taken
                share -= taken
                guard let gap = script.gap else { continue }
                stretch -= taken
                guard stretch == 0 else { continue }
                stretch = gap.bytes
                sendsFrom = now + .milliseconds(gap.milliseconds)
            case .wouldBlock: isWritable = false
            case .failed:
                // What arrived before the RST is still to be read.
                hasBroken = true
            }
        }
        return false
    }

    /// True when there is more to read at once.
    private func read(
        _ script: SideScript, _ other: SideScript, _ now: Instant, _ tape: borrowing Tape,
        _ buffer: borrowing ByteBuffer
    ) -> Bool {
        var share = Self.shareBytes
        if case .never = script.pace { return false }
        while isReadable, outcome.end == nil, now >= readsFrom {
            guard share > 0 else { return true }
            if case .resetAfterReading(let count) = script.leaving, outcome.received >= count { return false }
            let room = nextRead(script.pace)
            switch unsafe stream.receive(into: buffer.room(room)) {
            case .bytes(let count):
                share -= count
                unsafe check(buffer.prefix(count), other, tape)
                if outcome.fault != nil { return false }
                pause(after: count, script.pace, now)
            case .wouldBlock: isReadable = false
            case .endOfStream: outcome.end = hasBroken ? .reset : .fin
            case .failed: outcome.end = .reset
            }
        }
        return false
    }

    private func nextRead(_ pace: SideScript.Pace) -> Int {
        switch pace {
        case .fast(let count): return count
        case .steady(let rate):
            if burst == 0 { burst = max(1, rate / Self.readsPerSecond) }
        case .bursts(let count, _):
            if burst == 0 { burst = count }
        case .never: return 1
        }
        return min(burst, Tape.runMax)
    }

    private func pause(after count: Int, _ pace: SideScript.Pace, _ now: Instant) {
        burst = max(0, burst - count)
        guard burst == 0 else { return }
        switch pace {
        case .fast, .never: break
        case .steady: readsFrom = now + Self.readPause
        case .bursts(_, let milliseconds): readsFrom = now + .milliseconds(milliseconds)
        }
    }

    private func check(_ bytes: UnsafeRawBufferPointer, _ other: SideScript, _ tape: borrowing Tape) {
        let position = outcome.received
        outcome.received += bytes.count
        if outcome.received > other.bytes {
            outcome.fault = "more than the \(other.bytes) bytes that the other side had to send"
        } else if let place = unsafe tape.firstDifference(bytes, start: other.start, position: position) {
            let wrong = unsafe UnsafeRawBufferPointer(rebasing: bytes[place...])
            let origin = unsafe tape.origin(of: wrong, start: other.start, position: position + place)
            outcome.fault = "a wrong byte at position \(position + place): \(origin)"
        }
    }

    // MARK: leaving

    /// How many of the bytes that were sent, a FIN included, are not acknowledged: SIOCOUTQ, see tcp(7).
    private var unacknowledged: Int {
        var count: CInt = 0
        return unsafe ioctl(stream.number, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
    }

    /// Leaves when the script says so; nil when it does not yet.
    private func end(_ script: SideScript, _ session: Session, _ now: Instant) -> Step? {
        // The other side is gone, and everything is read that is to be read. Nothing will be acknowledged any more.
        var hasReadAll = outcome.end != nil
        if case .never = script.pace { hasReadAll = true }
        if outcome.end == .reset || hasReadAll && (hasError || hasBroken) { return leave(session, byReset: false) }
        let hasSent = outcome.sent == script.bytesToSend || hasBroken
        switch script.leaving {
        case .finish, .finishLast, .finishThenReset:
            var mayFinish = hasSent && !hasFinished
            if case .finishLast = script.leaving { mayFinish = mayFinish && outcome.end != nil }
            if mayFinish {
                stream.shutdownWrite()
                hasFinished = true
            }
            guard hasFinished else { return nil }
            if case .finishThenReset = script.leaving {
                return unacknowledged == 0 ? leave(session, byReset: true) : nil
            }
            return outcome.end != nil ? leave(session, byReset: false) : nil
        case .closeAcknowledged:
            return hasSent && unacknowledged == 0 ? leave(session, byReset: false) : nil
        case .resetAcknowledged:
            return hasSent && unacknowledged == 0 ? leave(session, byReset: true) : nil
        case .close: return hasSent ? leave(session, byReset: false) : nil
        case .reset: return hasSent ? leave(session, byReset: true) : nil
        case .resetAfterReading(let count):
            return outcome.received >= count || outcome.end != nil ? leave(session, byReset: true) : nil
        }
    }

    private func leave(_ session: Session, byReset: Bool) -> Step {
        let left = unacknowledged
        // A FIN counts as one byte.
        outcome.acknowledged = min(outcome.sent, outcome.sent - left + (hasFinished && left > 0 ? 1 : 0))
        outcome.hasCutOff = outcome.end == nil || byReset
        outcome.sentByOther = session.sent(byClient: !isClient)
        outcome.hasLeft = true
        if byReset { stream.resetOnClose() }
        return .left
    }

    /// When there is something to do that no event reports.
    private func wait(_ script: SideScript, _ now: Instant) -> Step {
        var next: Instant?
        func consider(_ instant: Instant) { next = next.map { min($0, instant) } ?? instant }
        if isWritable, outcome.sent < script.bytesToSend, !hasBroken { consider(sendsFrom) }
        if isReadable, outcome.end == nil { if case .never = script.pace {} else { consider(readsFrom) } }
        switch script.leaving {
        case .closeAcknowledged, .resetAcknowledged, .finishThenReset:
            if outcome.sent == script.bytesToSend {
                consider(now + .milliseconds(look))
                look = min(2 * look, Self.longestLook)
            }
        default: break
        }
        return next.map { .waitsUntil($0) } ?? .waits
    }
}
