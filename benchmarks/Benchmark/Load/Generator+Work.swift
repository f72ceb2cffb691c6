import Reactor

/// What connections do when they are ready.
extension Generator {
    mutating func serve(_ index: Int) {
        if !connections[index].isConnected {
            guard connections[index].isWritable || connections[index].isEnding else { return }
            connections[index].isConnected = true
            connecting -= 1
            connected(index)
            guard connections.isTaken(index) else { return }
        }
        switch connections[index].role {
        case .visit, .talk, .paced, .herd, .rest: exchange(index)
        case .down, .metered: receive(index)
        case .up: send(index)
        case .both:
            send(index)
            if connections.isTaken(index) { receive(index) }
        case .slow: break
        }
    }

    /// A connection stands, or has failed, which the first write reports.
    private mutating func connected(_ index: Int) {
        switch connections[index].role {
        case .visit, .rest:
            connections[index].target = UInt64(plan.messageBytes)
        case .talk:
            arrived += 1
            connections[index].target = UInt64(plan.messageBytes)
            connections[index].began = clock.now().nanoseconds
        case .paced:
            arrived += 1
            free.append(index)
        case .herd:
            arrived += 1
        case .metered:
            arrived += 1
            readingFor?.noteAsked()
            report(index, connections[index].ask(bytesPerSecond: UInt64(plan.downloadRate)))
        case .down, .slow:
            arrived += 1
            readingFor?.noteAsked()
            report(index, connections[index].give(pattern, 1).step)
        case .up, .both:
            arrived += 1
        }
    }

    // MARK: exchanges

    mutating func exchange(_ index: Int) {
        while true {
            let step = unsafe connections[index].exchange(pattern, buffer.memory)
            guard case .complete = step else { return report(index, step) }
            let now = clock.now().nanoseconds
            record(index, now)
            switch connections[index].role {
            case .talk:
                connections[index].target += UInt64(plan.messageBytes)
                connections[index].began = now
            case .paced:
                free.append(index)
                return
            case .rest:
                arrived += 1
                return
            case .herd: return answerCame()
            case .visit, .down, .metered, .up, .both, .slow: return close(index)
            }
        }
    }

    // MARK: bulk

    private mutating func receive(_ index: Int) {
        let share = plan.disturbance == .downloads ? Self.shareBytesBeside : Self.shareBytes
        let (bytes, step) = unsafe connections[index].take(pattern, buffer.room(share))
        count(index, bytes)
        report(index, step)
        if connections.isTaken(index), connections[index].isReadable { goOnLater(index) }
    }

    private mutating func send(_ index: Int) {
        if stage == .finishing, plan.work == .up { return confirm(index) }
        let (bytes, step) = connections[index].give(pattern, Self.shareBytes)
        count(index, bytes)
        report(index, step)
        if connections.isTaken(index), connections[index].isWritable { goOnLater(index) }
    }

    private mutating func count(_ index: Int, _ bytes: Int) {
        readingFor?.noteBytes(bytes)
        guard isCounting else { return }
        if connections[index].isMeasured { units += UInt64(bytes) } else { bulkBytes += UInt64(bytes) }
    }

    private mutating func goOnLater(_ index: Int) {
        guard !connections[index].isQueued else { return }
        connections[index].isQueued = true
        core.ready.append(Token(Kind.connection, connections.key(at: index)))
    }

    /// After an upload: the origin reports how much it received, which must be what was sent.
    private mutating func confirm(_ index: Int) {
        guard connections[index].isReadable else { return }
        switch unsafe connections[index].stream.receive(into: buffer.memory) {
        case .bytes(8):
            let count = unsafe UInt64(littleEndian: buffer.memory.loadUnaligned(as: UInt64.self))
            if count == connections[index].sent { close(index) } else { mismatch(index) }
        case .bytes: mismatch(index)
        case .wouldBlock: connections[index].isReadable = false
        case .endOfStream: fail(index, "end of stream before the answer to an upload")
        case .failed(let errno): fail(index, "\(errno)")
        }
    }

    /// Slow readers take a little, then pause.
    mutating func readSlowly() {
        core.timers.arm(slowTimer, at: core.now + Self.slowPause)
        for index in connections.indexRange where connections.isTaken(index) {
            guard connections[index].role == .slow, connections[index].isConnected else { continue }
            let step = unsafe connections[index].take(pattern, buffer.room(Self.slowBytes)).step
            report(index, step)
        }
    }

    private mutating func report(_ index: Int, _ step: Connection.Step) {
        switch step {
        case .waiting, .complete: break
        case .mismatch: mismatch(index)
        case .failed(let errno): fail(index, "\(errno)")
        case .ended: fail(index, "end of stream")
        }
    }
}
