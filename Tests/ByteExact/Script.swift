import Glibc

/// How one side of a session behaves: what it sends and how, how it reads, and how it leaves.
struct SideScript {
    /// How it reads.
    enum Pace {
        /// As soon as there is something, so many bytes at a time.
        case fast(Int)
        /// So many bytes in a second.
        case steady(Int)
        /// So many bytes, then a pause.
        case bursts(Int, milliseconds: Int)
        /// Not at all: what arrives is unread when the socket is closed.
        case never
    }

    /// How it leaves. What it has to read it reads at its pace until then.
    enum Leaving {
        /// FIN after its last byte; then it reads to the end.
        case finish
        /// FIN after its last byte and the other side's FIN.
        case finishLast
        /// FIN after its last byte; RST when bytes and FIN are acknowledged.
        case finishThenReset
        /// close(2) when its last byte is acknowledged. The kernel sends a RST when something is unread or still comes.
        case closeAcknowledged
        /// RST when its last byte is acknowledged.
        case resetAcknowledged
        /// close(2) after so many bytes.
        case close(after: Int)
        /// RST after so many bytes.
        case reset(after: Int)
        /// RST when it has read so many bytes.
        case resetAfterReading(Int)
    }

    /// A pause in sending.
    struct Gap {
        /// Bytes between two pauses.
        var bytes: Int
        var milliseconds: Int
    }

    var bytes: Int
    /// Bytes of one send.
    var chunk = Tape.runMax
    var gap: Gap?
    /// SO_SNDBUF and SO_RCVBUF; nil leaves them to the kernel.
    var sendBuffer: CInt?
    var receiveBuffer: CInt?
    var pace = Pace.fast(64 * 1024)
    var leaving = Leaving.finish
    /// Where its stream begins on the tape.
    var start: Int

    /// The bytes that it sends before it leaves.
    var bytesToSend: Int {
        switch leaving {
        case .close(let count), .reset(let count): count
        case .finish, .finishLast, .finishThenReset, .closeAcknowledged, .resetAcknowledged, .resetAfterReading: bytes
        }
    }

    /// Seconds that its pauses in sending take.
    var sendingSeconds: Double {
        gap.map { Double(bytes / max(1, $0.bytes) * $0.milliseconds) / 1000 } ?? 0
    }

    /// Seconds that reading so many bytes takes.
    func readingSeconds(_ count: Int) -> Double {
        let pauses: Double =
            switch pace {
            case .fast, .never: 0
            case .steady(let rate): Double(count) / Double(rate)
            case .bursts(let bytes, let milliseconds): Double(count / bytes * milliseconds) / 1000
            }
        guard let receiveBuffer else { return pauses }
        return max(pauses, Double(count) / Double(Int(receiveBuffer) * Script.windowsPerSecond))
    }

    /// So many bytes are surely taken of a side whose peer has gone: the balancer discards 1 MiB of them
    /// (`Limits.lingerBytesMax`), and then waits until the side has read what the other had sent.
    static let bytesTakenMin = 512 << 10

    /// Only a side that cuts the session off may leave the other's bytes unread; and one that wants to send much before must
    /// not wait for ever, because the other has gone and its own reading is waited for.
    mutating func readIfNeeded(_ other: SideScript) {
        guard case .never = pace else { return }
        let staysLong = bytesToSend > Self.bytesTakenMin && other.mayLeaveEarly
        switch leaving {
        case .closeAcknowledged, .resetAcknowledged, .close, .reset: if staysLong { pace = .fast(Tape.runMax) }
        case .finish, .finishLast, .finishThenReset, .resetAfterReading: pace = .fast(Tape.runMax)
        }
    }

    /// It may leave before it has read all that the other sends.
    var mayLeaveEarly: Bool {
        switch leaving {
        case .closeAcknowledged, .resetAcknowledged, .close, .reset, .resetAfterReading: true
        case .finish, .finishLast, .finishThenReset: false
        }
    }
}

/// What happens in a session.
struct Script {
    /// Sessions of one kind have their own share of the places.
    enum Kind: Int, CaseIterable {
        /// All sizes up to 1 MiB, at times 16 MiB; all ways to leave; a second at most.
        case quick
        /// Up to 8 MiB to a reader that takes up to ``slowSecondsMax`` for them.
        case slow
        /// A side that sends without end to one that leaves.
        case endless
    }

    /// The longest time that a slow reader needs.
    static let slowSecondsMax = 30
    /// Bytes that a slow reader takes in a second, at least. TCP opens a closed window by a segment at a time, over
    /// loopback 64 KiB, so the subject sees of a slower reader for seconds that it takes nothing.
    private static let slowRateMin = 50 << 10
    /// What a side that sends without end has to send.
    static let endless = 4 << 30

    /// Sizes of socket buffers that are set.
    private static let bufferMin = 8 << 10
    private static let bufferMax = 256 << 10
    /// A small receive buffer slows a stream down: over loopback, where a segment has 64 KiB, about so many buffers
    /// pass in a second (measured; the timers for delayed acknowledgments and closed windows decide).
    static let windowsPerSecond = 6
    /// A stream is at most so many receive buffers long, so that no session lasts longer than for its reader's pace.
    private static let windowsMax = 100

    let kind: Kind
    var client: SideScript
    var backend: SideScript

    /// Seconds that the session needs in any case, on a machine of any speed.
    var seconds: Double {
        guard kind != .endless else { return 0.1 }
        return client.sendingSeconds + client.readingSeconds(backend.bytes)
            + backend.sendingSeconds + backend.readingSeconds(client.bytes)
    }

    /// The script of a session. The client's first bytes tell the backend which session it is, so a client has at least
    /// ``Tape/markBytes``.
    init(seed: UInt64, session: Int) {
        var dice = Dice(seed: seed, session: UInt64(session))
        kind = Self.kind(of: session)
        client = SideScript(bytes: 0, start: dice.pick(0...Tape.period - 1))
        backend = SideScript(bytes: 0, start: dice.pick(0...Tape.period - 1))
        switch kind {
        case .quick: drawQuick(&dice)
        case .slow: drawSlow(&dice)
        case .endless: drawEndless(&dice)
        }
        client.bytes = max(client.bytes, Tape.markBytes)
        // Two sides that wait for each other would wait for ever.
        if case .finishLast = client.leaving, case .finishLast = backend.leaving { client.leaving = .finish }
        if case .never = backend.pace, case .never = client.pace { client.pace = .fast(Tape.runMax) }
        client.readIfNeeded(backend)
        backend.readIfNeeded(client)
        drawBuffers(&client, from: backend, &dice)
        drawBuffers(&backend, from: client, &dice)
        // The backend's buffer is set when the client's first bytes have come. Where more have come than then fit, TCP
        // shows nothing of a slow reader until it has read the surplus, and the kernel drops acknowledgments as well.
        if case .fast = backend.pace {} else { backend.receiveBuffer = nil }
    }

    /// Of 32 sessions, how many are of each kind follows from their numbers.
    static func kind(of session: Int) -> Kind {
        switch session % 32 {
        case 0: .endless
        case 1, 2, 3, 4, 5, 6, 7: .slow
        default: .quick
        }
    }

    private mutating func drawQuick(_ dice: inout Dice) {
        for side in [\Script.client, \Script.backend] {
            let most = dice.chance(4) ? 16 << 20 : 1 << 20
            let bytes = dice.chance(15) ? 0 : dice.magnitude(1...most)
            self[keyPath: side].bytes = bytes
            // At most some thousand sends in a session.
            self[keyPath: side].chunk = max(dice.magnitude(1...Tape.runMax), bytes / 2000)
            if dice.chance(25) {
                let count = dice.pick(1...10)
                self[keyPath: side].gap = .init(bytes: max(1, bytes / count), milliseconds: dice.pick(1...40))
            }
            self[keyPath: side].leaving = Self.leaving(bytes, &dice)
        }
        for (side, other) in [(\Script.client, \Script.backend), (\Script.backend, \Script.client)] {
            let bytes = self[keyPath: other].bytes
            self[keyPath: side].pace = dice.draw(
                (60, .fast(dice.magnitude(max(1, bytes / 4000)...Tape.runMax))),
                (25, .bursts(max(dice.magnitude(16...Tape.runMax), bytes / 20), milliseconds: dice.pick(1...40))),
                (15, .never))
            if dice.chance(10) {
                self[keyPath: side].leaving = .resetAfterReading(bytes == 0 ? 0 : dice.pick(0...bytes))
            }
        }
    }

    private mutating func drawSlow(_ dice: inout Dice) {
        let isUp = dice.chance(30)
        let (sender, reader) = isUp ? (\Script.client, \Script.backend) : (\Script.backend, \Script.client)
        // Half of them more than the largest send buffers take, so that bytes wait in several places on the way.
        let bytes = dice.chance(50) ? dice.pick(2 << 20...8 << 20) : dice.magnitude(256 << 10...8 << 20)
        self[keyPath: sender].bytes = bytes
        self[keyPath: sender].leaving = dice.draw(
            (40, .resetAcknowledged), (15, .closeAcknowledged), (15, .finishThenReset), (20, .finish),
            (10, Self.leaving(bytes, &dice)))
        if dice.chance(25) { self[keyPath: sender].pace = .never }
        let least = max(Self.slowRateMin, bytes / Self.slowSecondsMax)
        let burst = dice.magnitude(16 << 10...256 << 10)
        let pause = min(dice.magnitude(20...1500), 1000 * burst / least)
        self[keyPath: reader].pace = dice.draw(
            (70, .steady(max(least, dice.pick(Self.slowRateMin...8 * Self.slowRateMin)))),
            (30, .bursts(burst, milliseconds: pause)))
        let answer = dice.chance(50) ? dice.pick(0...1024) : dice.magnitude(1...256 << 10)
        self[keyPath: reader].bytes = answer
        self[keyPath: reader].leaving = dice.draw(
            (70, .finish), (20, .finishLast), (10, Self.leaving(answer, &dice)))
    }

    private mutating func drawEndless(_ dice: inout Dice) {
        let (sender, reader) =
            dice.chance(30) ? (\Script.client, \Script.backend) : (\Script.backend, \Script.client)
        self[keyPath: sender].bytes = Self.endless
        let count = dice.magnitude(1...4 << 20)
        self[keyPath: reader].leaving = dice.draw(
            (70, .resetAfterReading(count)), (15, .closeAcknowledged), (15, .resetAcknowledged))
        self[keyPath: reader].bytes = dice.pick(0...1024)
    }

    private func drawBuffers(_ side: inout SideScript, from other: SideScript, _ dice: inout Dice) {
        side.sendBuffer = dice.chance(30) ? CInt(dice.magnitude(Self.bufferMin...Self.bufferMax)) : nil
        guard dice.chance(40) else { return }
        let count: Int
        if case .resetAfterReading(let part) = side.leaving { count = part } else { count = other.bytesToSend }
        let least = max(Self.bufferMin, min(count / Self.windowsMax, Self.bufferMax))
        side.receiveBuffer = CInt(dice.magnitude(least...Self.bufferMax))
    }

    private static func leaving(_ bytes: Int, _ dice: inout Dice) -> SideScript.Leaving {
        let place = bytes == 0 ? 0 : dice.pick(0...bytes)
        return dice.draw(
            (30, .finish), (10, .finishLast), (10, .finishThenReset), (12, .closeAcknowledged),
            (12, .resetAcknowledged), (10, .close(after: place)), (16, .reset(after: place)))
    }
}
