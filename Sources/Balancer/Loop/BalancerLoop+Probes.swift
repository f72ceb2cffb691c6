import Reactor

// Health checks: one connect per backend and interval.
extension BalancerLoop {
    /// The probe's timer: time to start one, or the end of patience with the one under way.
    mutating func probeExpired(_ index: Int) {
        if number != 0 {
            // Loop 0 probes for all; only what this loop holds ready is its own.
            refreshWarm(index)
            setNextProbe(index)
        } else if backends[index].probe.stream.isOpen {
            probeEnded(index, .timeout)
        } else if backends[index].probe.awaitsAddress {
            probeEnded(index, .noAddress("no name server has answered"))
        } else {
            startProbe(index)
        }
    }

    mutating func startProbe(_ index: Int) {
        guard state == .running else { return }
        guard let address = backends[index].address else { return awaitAddress(index) }
        backends[index].probe.lap &+= 1
        do throws(Errno) {
            var stream = try probeSocket(index, address)
            var result = stream.connect(to: address)
            let isLookedAt = result.hasBegun && backends[index].source.wantsLook
            if isLookedAt, !backends[index].source.note(chosen: stream.localAddress) {
                // Those that were made came from the wrong address as well.
                backends[index].warm.dropAll()
                stream = try probeSocket(index, address)
                result = stream.connect(to: address)
            }
            let token = Token(.probe, backends.key(at: index), lap: backends[index].probe.lap)
            switch result {
            case .failed(let errno):
                return probeEnded(index, .error(errno))
            case .connected:
                return probeEnded(index, nil)
            case .inProgress:
                if let errno = stream.add(to: poller, token) { throw errno }
            }
            backends[index].probe.stream = stream
            setProbeDeadline(index)
        } catch {
            probeEnded(index, .error(error))
        }
    }

    /// Where to is not known yet: the resolver is asked, and its answer begins the probe, or is its failure.
    private mutating func awaitAddress(_ index: Int) {
        backends[index].probe.awaitsAddress = true
        lookUp(index)
        setProbeDeadline(index)
    }

    private mutating func setProbeDeadline(_ index: Int) {
        let patience = pools[backends[index].pool].healthCheck.timeout
        timers.wheel.arm(backends[index].probe.timer, at: now + patience)
    }

    private func probeSocket(_ index: Int, _ address: SocketAddress) throws(Errno) -> Stream {
        let stream = try Stream(for: address, from: backends[index].source.forProbes)
        // A RST instead of a FIN: no TIME_WAIT is left, and a server can tell a probe from a client.
        stream.resetOnClose()
        return stream
    }

    /// An event of the probe's socket.
    mutating func probeReady(_ index: Int, _ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.error, .hangup]), let errno = backends[index].probe.stream.takeError() {
            probeEnded(index, .error(errno))
        } else if !readiness.isDisjoint(with: [.writable, .hangup]) {
            let isOwn = backends[index].address.map { backends[index].probe.stream.isConnectedToItself($0) }
            probeEnded(index, isOwn ?? false ? .error(.connectionRefused) : nil)
        }
    }

    /// Closes the probe, judges the backend, and sets the time of the next probe.
    mutating func probeEnded(_ index: Int, _ failure: ProbeFailure?) {
        backends[index].probe.abandon()
        judge(index, failure)
        refreshWarm(index)
        setNextProbe(index)
        // It may be elsewhere by now.
        if failure != nil, backends[index].address != nil { lookUp(index) }
    }

    mutating func setNextProbe(_ index: Int) {
        let interval = pools[backends[index].pool].healthCheck.interval
        backends[index].probe.due = Probe.next(after: backends[index].probe.due, interval: interval, now: now)
        timers.wheel.arm(backends[index].probe.timer, at: backends[index].probe.due)
    }

    private mutating func judge(_ index: Int, _ failure: ProbeFailure?) {
        let wasUp = backends[index].isUp
        defer {
            publishVerdict(index)
            if backends[index].isUp != wasUp { tellHealth() }
        }
        let title = backends[index].title
        if failure == nil { _ = probeShortage.end(now: now) }
        switch failure {
        case .error(let errno) where errno.isLocalShortage:
            // It tells of this machine, nothing of the backend.
            if probeShortage.add(now: now) { log.probeNotMade(title, errno) }
        case .some(let failure):
            let verdict = backends[index].health.record(success: false)
            log.probeFailed(title, failure, verdict)
        case nil:
            let verdict = backends[index].health.record(success: true)
            log.probeSucceeded(title, verdict, rise: backends[index].health.rise)
            let pool = backends[index].pool
            if backends[index].isUp, let count = pools[pool].outage.end(now: now, after: .zero) {
                log.outageEnded(pool: pool, clients: count)
            }
        }
    }
}
