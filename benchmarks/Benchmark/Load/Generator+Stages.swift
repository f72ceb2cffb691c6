import Reactor

/// The stages of a run.
///
/// ```
///                          with a disturbance that comes later
/// connecting -> warming -> alone -> connectingBeside -> warmingBeside -> measuring -> finishing -> done
///                  |                                                        ^
///                  +--------------------------------------------------------+   without
///
/// idle: connecting (a few, to warm up) -> settling -> resting (all of them) -> settled -> done
/// ```
enum Stage {
    case connecting, warming, alone, connectingBeside, warmingBeside, measuring, finishing
    case settling, resting, settled
    case done

    /// Connections are opened until there are as many as are wanted.
    var isOpening: Bool {
        switch self {
        case .settling, .settled, .finishing, .done: false
        default: true
        }
    }

    /// The disturbance is there.
    var isBeside: Bool {
        switch self {
        case .connectingBeside, .warmingBeside, .measuring: true
        default: false
        }
    }
}

extension Generator {
    /// Sessions that an idle run opens and closes before it looks at the memory.
    private static let warmUpSessions = 64
    /// What memory is given to settle in: the subject frees what it frees after the last event.
    private static let settleTime = Duration.milliseconds(150)

    /// The disturbance is there from the start, or there is none.
    private var isUndisturbedFirst: Bool {
        plan.disturbance == .downloads || plan.disturbance == .storm
    }

    /// The window of an open loop, in nanoseconds; nil before it has begun and of other work.
    var loopWindow: Range<UInt64>? {
        guard plan.work == .openLoop, stage == .measuring || stage == .finishing else { return nil }
        return meter.began.nanoseconds..<(meter.began + .seconds(plan.seconds)).nanoseconds
    }

    mutating func begin() {
        let now = clock.now()
        deadline = now + Self.patience
        nextSlowRead = now
        wanted = isUndisturbedFirst ? plan.connections : plan.connections + plan.disturbers
        if plan.work == .idle { wanted = min(Self.warmUpSessions, plan.connections) }
        if plan.work == .short { enter(.warming, now + .seconds(plan.warmUp)) }
        openMore()
    }

    private mutating func enter(_ stage: Stage, _ deadline: Instant) {
        self.stage = stage
        self.deadline = deadline
    }

    /// Goes on to the next stage when this one has what it waits for.
    mutating func advance(_ now: Instant) {
        switch stage {
        case .connecting:
            guard arrived >= wanted else { return giveUp(now, "not connected in time") }
            arrived = 0
            if plan.work == .idle {
                closeAll()
                enter(.settling, now + Self.settleTime)
            } else {
                if plan.work == .openLoop { arrivals = Arrivals(start: now.nanoseconds, rate: plan.rate) }
                enter(.warming, now + .seconds(plan.warmUp))
            }
        case .warming where now >= deadline:
            openWindow(isUndisturbedFirst ? .alone : .measuring)
        case .alone where now >= deadline:
            sample.alone = latencies.latency
            isCounting = false
            wanted = plan.connections + plan.disturbers
            enter(.connectingBeside, now + Self.patience)
        case .connectingBeside:
            guard connections.count >= wanted, connecting < Self.connectingMax else {
                return giveUp(now, "not connected in time")
            }
            enter(.warmingBeside, now + .seconds(plan.warmUp))
        case .warmingBeside where now >= deadline:
            openWindow(.measuring)
        case .measuring where now >= deadline:
            closeWindow(now)
        case .finishing:
            if isFinished { finish() } else { giveUp(now, "not answered in time") }
        case .settling where now >= deadline:
            meter.begin(withMemory: true)
            wanted = plan.connections
            enter(.resting, now + Self.patience)
        case .resting:
            guard arrived >= wanted else { return giveUp(now, "not connected in time") }
            enter(.settled, now + Self.settleTime)
        case .settled where now >= deadline:
            measureMemory()
        default: break
        }
    }

    private mutating func giveUp(_ now: Instant, _ reason: String) {
        guard now >= deadline else { return }
        note(reason)
        finish()
    }

    private mutating func openWindow(_ next: Stage) {
        latencies.reset()
        units = 0
        if next == .measuring { meter.begin(withMemory: false) }
        isCounting = true
        // What comes first is half as long: it is there to be compared with.
        let length = next == .alone ? plan.seconds / 2 : plan.seconds
        enter(next, clock.now() + .seconds(length))
    }

    private mutating func closeWindow(_ now: Instant) {
        isCounting = false
        meter.end(into: &sample)
        sample.units = Double(units)
        if units == 0 { note("nothing was done in the window") }
        guard stage != .done else { return }
        if plan.work == .up { endUploads() }
        enter(.finishing, now + Self.patience)
    }

    /// True when nothing is awaited any more.
    private var isFinished: Bool {
        switch plan.work {
        case .up: connections.count <= plan.disturbers
        case .openLoop:
            free.count == connections.count && (arrivals?.next ?? 0) >= (loopWindow?.upperBound ?? 0)
        default: true
        }
    }

    private mutating func endUploads() {
        var index = connections.index(after: -1)
        while let place = index {
            connections[place].stream.shutdownWrite()
            index = connections.index(after: place)
        }
    }

    private mutating func measureMemory() {
        let before = meter.memory
        meter.end(into: &sample)
        let after = meter.measureMemory()
        sample.units = Double(connections.count)
        sample.memory = SessionMemory(
            sessions: connections.count, user: after.user - before.user, kernel: after.kernel - before.kernel)
        finish()
    }

    private mutating func closeAll() {
        var index = connections.index(after: -1)
        while let place = index {
            index = connections.index(after: place)
            close(place)
        }
    }

    mutating func finish() {
        sample.latency = latencies.latency
        stage = .done
    }
}
