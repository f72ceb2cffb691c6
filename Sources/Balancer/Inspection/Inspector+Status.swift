import AdministrationAPI
import Glibc
import Reactor

// What the balancer says of itself: read from what the loops share, on the asker's thread.
extension Inspector {
    /// What it says of itself.
    public func status() -> Status {
        guard let running = access.running else { return Self.beforeTheStart(version) }
        let shared = running.shared
        let roster = shared.roster.current()
        let loops = loops(shared)
        var status = Self.beforeTheStart(version)
        status.started = Timestamp(nanoseconds: running.startTime).description
        status.uptimeSeconds = Self.seconds((Clock.monotonic.now() - running.started).wholeNanoseconds)
        status.sessions = shared.sessions
        status.sessionsMax = roster.process.sessionsMax
        let isStuck = loops.contains { $0.stuckSeconds != nil }
        status.state =
            (isStuck ? .stuck : Self.state(roster, shared, sessions: status.sessions)).rawValue
        status.acceptedTotal = shared.total(.accepted)
        status.bytesUpTotal = shared.total(.bytesUp)
        status.bytesDownTotal = shared.total(.bytesDown)
        status.endsTotal = Self.ends { shared.total($0) }
        status.resources = Self.resources()
        status.loops = loops
        let histories = access.recorder.backendHistories()
        let now = (monotonic: Clock.monotonic.now(), wall: WallClock.system.nanoseconds())
        status.pools = roster.pools.map { Status.Pool($0, histories, now) }
        status.listeners = Self.listeners(roster)
        status.audit = audit(shared, roster, openDescriptors: status.resources.openFds)
        status.problems =
            Problems(roster, shared.conditions, loops, status, recentlyLostLines: recentlyLostLines).sentences
        return status
    }

    /// The lines that the log has lost since the start, where it has lost some lately.
    private var recentlyLostLines: Int {
        let losses = access.recorder.lostLines
        guard let last = losses.last, Clock.monotonic.now() - last < Self.lately else { return 0 }
        return losses.lines
    }

    private static let lately: Duration = .seconds(300)

    private static func beforeTheStart(_ version: String) -> Status {
        let now = Timestamp(nanoseconds: WallClock.system.nanoseconds()).description
        return Status(
            version: version, pid: Int(getpid()), started: now, time: now, state: ServiceState.starting.rawValue)
    }

    /// Clients that are closed count for more than clients that wait.
    private static func state(_ roster: Roster, _ shared: SharedState, sessions: Int) -> ServiceState {
        let state = ServiceFacts(roster, shared.conditions, isDraining: shared.isDraining).state
        return state == .serving && sessions >= roster.process.sessionsMax ? .full : state
    }

    private func loops(_ shared: SharedState) -> [Status.Loop] {
        let recent = turns.recent(shared.turns)
        return shared.turns.enumerated().map { index, lengths in
            // While the process drains, loops end one after the other.
            let hasEnded = access.mailboxes[index].hasEnded
            let silence = hasEnded ? nil : heartbeats.silence(of: index)
            return Status.Loop(
                index: index, state: hasEnded ? "ended" : silence == nil ? "running" : "stuck",
                stuckSeconds: silence.map { Self.seconds($0.wholeNanoseconds) },
                busySecondsTotal: Self.seconds(lengths.totalNanoseconds),
                turnsTotal: lengths.counts().reduce(0, &+),
                turnP99Seconds: Self.seconds(recent[index].percentile99),
                turnMaxSeconds: Self.seconds(recent[index].longest))
        }
    }

    private static func resources() -> Status.Resources {
        let use = ProcessUse.now()
        return Status.Resources(
            cpuSeconds: use.processorSeconds, residentBytes: use.residentBytes, openFds: use.descriptors,
            maxFds: DescriptorLimit.present)
    }

    static func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }

    static func ends(_ count: (Counter) -> UInt64) -> [String: UInt64] {
        var ends: [String: UInt64] = [:]
        for reason in EndReason.allCases where count(reason.counter) > 0 {
            ends[reason.rawValue] = count(reason.counter)
        }
        return ends
    }

    /// What must hold. Counters are read one after the other while loops go on, so only what that cannot explain; what a loop
    /// says of its own bytes and descriptors is of one moment.
    private func audit(_ shared: SharedState, _ roster: Roster, openDescriptors: Int) -> [String] {
        var findings: [String] = []
        let ended = EndReason.allCases.reduce(UInt64(0)) { $0 &+ shared.total($1.counter) }
        let accepted = shared.total(.accepted)
        if ended > accepted { findings.append("sessions: \(ended) have ended of \(accepted) accepted") }
        for pool in roster.pools {
            for target in pool.targets {
                let left = target.counters[.disconnects]
                let came = target.counters[.connects]
                if left > came { findings.append("backend \(pool.name)/\(target.name): \(left) have left of \(came)") }
            }
        }
        return findings + heartbeats.findings(openDescriptors: openDescriptors)
    }

    private static func listeners(_ roster: Roster) -> [Status.Listener] {
        let pools = Dictionary(uniqueKeysWithValues: roster.pools.map { ($0.id, $0.name) })
        var listeners: [Status.Listener] = []
        var places: [String: Int] = [:]
        for entry in roster.listeners {
            let address = entry.settings.address.description
            if let place = places[entry.settings.name] {
                listeners[place].addresses.append(address)
            } else {
                places[entry.settings.name] = listeners.count
                listeners.append(Status.Listener(entry, address, pools))
            }
        }
        return listeners
    }
}

extension Status {
    /// One that has done nothing yet.
    fileprivate init(version: String, pid: Int, started: String, time: String, state: String) {
        self.init(
            version: version, pid: pid, started: started, time: time, state: state,
            resources: Resources(cpuSeconds: 0, residentBytes: 0, openFds: 0, maxFds: 0))
    }
}
