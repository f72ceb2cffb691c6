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
}

extension Generator {
    /// Sessions that an idle run opens and closes before it looks at the memory.
    private static let warmUpSessions = 64
    /// How long memory may take to settle: the subject may free memory after the last event.
    private static let settleTime = Duration.milliseconds(150)

    /// The work is measured alone before the disturbance comes.
    private var isUndisturbedFirst: Bool {
        switch plan.disturbance {
        case .downloads, .storm, .idlers: true
        case .slowReaders, nil: false
        }
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
                if plan.work == .herd { beginHerds() }
                if plan.work == .openLoop { arrivals = Arrivals(start: clock.now().nanoseconds, rate: plan.rate) }
                enter(.warming, within: .seconds(plan.warmUp))
            }
        case .warming where now >= deadline:
            openWindow(isUndisturbedFirst ? .alone : .measuring)
        case .alone where now >= deadline:
            sample.alone = latencies.latency
            isCounting = false
            enter(.connectingBeside, within: Self.stageLimit)
            beginDisturbance()
        case .connectingBeside:
            guard isDisturbed else { return giveUp("not connected in time") }
            if plan.visitRate > 0 { visits = Arrivals(start: clock.now().nanoseconds, rate: plan.visitRate) }
            enter(.warmingBeside, within: .seconds(plan.warmUp))
        case .warmingBeside where now >= deadline:
            openWindow(.measuring)
        case .measuring where now >= deadline:
            closeWindow()
        case .finishing:
            if isFinished { finish() } else { giveUpUnanswered() }
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

    /// Has the disturbance come: in this loop, or downloads in a thread where there is a core for their reader.
    private mutating func beginDisturbance() {
        guard plan.disturbance == .downloads, let core = plan.readerCore else {
            wanted = plan.connections + plan.disturbers
            return
        }
        let reader = SeparateReader()
        self.reader = reader
        do throws(SystemCallError) {
            try reader.start(plan, core: core)
        } catch {
            note(error.description)
            finish()
        }
    }

    /// True when everything that disturbs is there, but for short connections, which come and go.
    private var isDisturbed: Bool {
        if let reader { return reader.asked >= plan.disturbers }
        return connections.count >= wanted && connecting == 0
    }

    mutating func giveUp(_ reason: String) {
        guard core.now >= deadline else { return }
        note(reason)
        finish()
    }

    private mutating func openWindow(_ next: Stage) {
        latencies.reset()
        units = 0
        bulkBytes = 0
        let before = clock.now()
        if next == .measuring { meter.begin(withMemory: false) }
        bytesApartBefore = reader?.bytes ?? 0
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
        let bytesApart = (reader?.bytes ?? 0) - bytesApartBefore
        if plan.disturbance == .downloads { sample.bulkBytes = Double(bulkBytes + bytesApart) }
        if reader != nil { sample.loadCores = 2 }
        if units == 0 { note("nothing was done in the window") }
        guard stage != .done else { return }
        if plan.work == .up { endUploads() }
        enter(.finishing, within: Self.stageLimit)
    }

    /// True when nothing is awaited any more.
    private var isFinished: Bool {
        switch plan.work {
        case .up: connections.count <= plan.disturbers
        case .herd: herd == .resting
        default: hasServedAllDue
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
        sample.visits = visitLatencies.latency
        reader?.end(into: &sample)
        stage = .done
    }
}
