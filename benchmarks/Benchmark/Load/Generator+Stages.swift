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
    /// How long memory may take to settle: the subject may free memory after the last event.
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
        enter(.connecting, within: Self.stageLimit)
        if plan.disturbance == .slowReaders { core.timers.arm(slowTimer, at: core.now + Self.slowPause) }
        wanted = isUndisturbedFirst ? plan.connections : plan.connections + plan.disturbers
        if plan.work == .idle { wanted = min(Self.warmUpSessions, plan.connections) }
        if plan.work == .short { enter(.warming, within: .seconds(plan.warmUp)) }
        openMore()
    }

    private mutating func enter(_ stage: Stage, within limit: Duration) {
        self.stage = stage
        deadline = core.now + limit
        core.timers.arm(stageTimer, at: deadline)
    }

    /// Goes on to the next stage when this one has what it waits for.
    mutating func advance() {
        let now = core.now
        switch stage {
        case .connecting:
            guard arrived >= wanted else { return giveUp("not connected in time") }
            arrived = 0
            if plan.work == .idle {
                closeAll()
                enter(.settling, within: Self.settleTime)
            } else {
                if plan.work == .openLoop { arrivals = Arrivals(start: clock.now().nanoseconds, rate: plan.rate) }
                enter(.warming, within: .seconds(plan.warmUp))
            }
        case .warming where now >= deadline:
            openWindow(isUndisturbedFirst ? .alone : .measuring)
        case .alone where now >= deadline:
            sample.alone = latencies.latency
            isCounting = false
            wanted = plan.connections + plan.disturbers
            enter(.connectingBeside, within: Self.stageLimit)
        case .connectingBeside:
            guard connections.count >= wanted, connecting < Self.connectingMax else {
                return giveUp("not connected in time")
            }
            enter(.warmingBeside, within: .seconds(plan.warmUp))
        case .warmingBeside where now >= deadline:
            openWindow(.measuring)
        case .measuring where now >= deadline:
            closeWindow()
        case .finishing:
            if isFinished { finish() } else { giveUp("not answered in time") }
        case .settling where now >= deadline:
            meter.begin(withMemory: true)
            wanted = plan.connections
            enter(.resting, within: Self.stageLimit)
        case .resting:
            guard arrived >= wanted else { return giveUp("not connected in time") }
            enter(.settled, within: Self.settleTime)
        case .settled where now >= deadline:
            measureMemory()
        default: break
        }
    }

    private mutating func giveUp(_ reason: String) {
        guard core.now >= deadline else { return }
        note(reason)
        finish()
    }

    private mutating func openWindow(_ next: Stage) {
        latencies.reset()
        units = 0
        let before = clock.now()
        if next == .measuring { meter.begin(withMemory: false) }
        isCounting = true
        // The window without the disturbance is half as long: it is only there to be compared with.
        let length = next == .alone ? plan.seconds / 2 : plan.seconds
        // What the meter's look at /proc took is no part of it.
        enter(next, within: .seconds(length) + (clock.now() - before))
    }

    private mutating func closeWindow() {
        isCounting = false
        meter.end(into: &sample)
        sample.units = Double(units)
        if units == 0 { note("nothing was done in the window") }
        guard stage != .done else { return }
        if plan.work == .up { endUploads() }
        enter(.finishing, within: Self.stageLimit)
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
        for index in connections.indexRange where connections.isTaken(index) {
            connections[index].stream.shutdownWrite()
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
        for index in connections.indexRange where connections.isTaken(index) { close(index) }
    }

    mutating func finish() {
        sample.latency = latencies.latency
        stage = .done
    }
}
