import Reactor

// What probes and look-ups have shown. The one-line command has the lines of the reference system for it.
extension EventLog {
    mutating func probeSucceeded(
        _ backend: BackendTitle, _ verdict: Health.Verdict, rise: Int, _ facts: BackendFacts? = nil
    ) {
        if mode != nil { resultOfSuccess(backend, verdict, rise: rise) }
        withOwnLines { $0.tellSuccess(verdict, rise: rise, facts ?? BackendFacts(backend)) }
    }

    private mutating func tellSuccess(_ verdict: Health.Verdict, rise: Int, _ facts: BackendFacts) {
        checked(facts) { $0.words("a check succeeded") }
        switch verdict {
        case .alive(changed: true) where facts.wasUp:
            event(.backendRecovered) {
                $0.about(facts)
                $0.words("a check succeeded again: it was up all the time")
            }
        case .alive(changed: true):
            event(.backendUp) {
                $0.about(facts)
                $0.words("up after ")
                $0.value("checks", rise)
                $0.words(rise == 1 ? " successful check" : " successful checks")
            }
        case .rising(let count):
            event(.backendRising) {
                $0.about(facts)
                $0.words("down still, after ")
                $0.value("checks", count)
                $0.words(count == 1 ? " successful check of " : " successful checks of ")
                $0.value("needed", rise)
            }
        case .alive, .bad, .dead: break
        }
    }

    /// `name` is the backend's name, if it has one beside its address; `fall` tells how many failures in a row a dead
    /// backend had.
    mutating func probeFailed(
        _ backend: BackendTitle, named name: HostName?, _ cause: ProbeFailure, _ verdict: Health.Verdict, fall: Int,
        _ facts: BackendFacts? = nil
    ) {
        if mode != nil { resultOfFailure(backend, named: name, cause, verdict, fall: fall) }
        withOwnLines { $0.tellFailure(cause, verdict, fall: fall, facts ?? BackendFacts(backend)) }
    }

    private mutating func tellFailure(
        _ cause: ProbeFailure, _ verdict: Health.Verdict, fall: Int, _ facts: BackendFacts
    ) {
        checked(facts) {
            $0.words("a check failed: ")
            $0.value("cause", cause.text)
        }
        switch verdict {
        case .bad(changed: true):
            event(.backendFailing) {
                $0.about(facts)
                $0.words("up still, after ")
                $0.value("checks", 1)
                $0.words(" failed check of ")
                $0.value("needed", fall)
                $0.words(": ")
                $0.value("cause", cause.text)
            }
        case .dead(changed: true):
            event(.backendDown) {
                $0.about(facts)
                $0.words("down after ")
                $0.value("checks", fall)
                $0.words(fall == 1 ? " failed check: " : " failed checks: ")
                $0.value("cause", cause.text)
                $0.words(" (sessions: ")
                $0.value("sessions", .number(facts.sessions))
                $0.words(facts.whenDown == .keep ? " kept)" : " closed)")
                $0.detail("when_down", .text(facts.whenDown == .keep ? "keep" : "close"))
            }
        case .alive, .rising, .bad, .dead: break
        }
    }

    private mutating func checked(_ facts: BackendFacts, _ build: (inout LogEvent) -> Void) {
        event(.backendCheck) {
            $0.about(facts)
            build(&$0)
        }
    }

    /// A probe that could not be made says nothing about the backend.
    mutating func probeNotMade(_ backend: BackendTitle, _ errno: Errno, _ facts: BackendFacts? = nil) {
        guard mode == nil else {
            return notice {
                $0.append("no probe of ")
                $0.append(title: backend)
                $0.append(": ")
                $0.append(errno.description)
            }
        }
        event(.backendUncheckable) {
            $0.about(facts ?? BackendFacts(backend))
            $0.words("no check could be made: ")
            $0.value("cause", errno.description)
        }
    }

    // MARK: all at once

    mutating func checksFrozen(backends: Int) {
        event(.processChecksFrozen) {
            $0.words("all checks failed at once: is it this machine? backends that stay up for now: ")
            $0.value("backends", backends)
        }
    }

    mutating func checksThawed() {
        event(.processChecksThawed) {
            $0.words("a check has succeeded again: each backend is judged by its own checks")
        }
    }

    /// So many of a pool's backends may be picked by what is known of them: too few, or enough again.
    mutating func panic(_ pool: PoolTitle, isOn: Bool, eligible: Int, of backends: Int) {
        event(isOn ? .poolPanic : .poolPanicOver) {
            $0.about(pool)
            $0.words(
                isOn
                    ? "too few backends may be picked, all are used, whatever their checks say: "
                    : "enough backends may be picked again: ")
            $0.value("eligible", eligible)
            $0.words(" of ")
            $0.value("backends", backends)
        }
    }

    // MARK: what clients have met

    /// A backend gets no clients for `time`.
    mutating func ejected(_ facts: BackendFacts, _ passive: PassiveHealth?, for time: Duration) {
        guard let passive else { return }
        event(.backendEjected) {
            $0.about(facts)
            $0.words("ejected for ")
            $0.value("ejected_s", .seconds(time))
            $0.words(" after clients' failures: ")
            $0.value("failures", passive.settings.failures)
            $0.words(" within ")
            $0.value("within_s", .seconds(passive.settings.within))
            $0.words("; ejection in a row: ")
            $0.value("ejections", passive.ejections)
            $0.words(" (sessions: ")
            $0.value("sessions", .number(facts.sessions))
            $0.words(" kept)")
        }
    }

    /// It gets clients again: after a successful probe, or because there are no probes.
    mutating func returned(_ facts: BackendFacts, isOnTrial: Bool) {
        event(.backendReturned) {
            $0.about(facts)
            $0.words(
                isOnTrial
                    ? "the time of its ejection is over: the next failure ejects it again"
                    : "a check has succeeded after its ejection: it gets clients again")
        }
    }

    // MARK: the lines of the one-line command

    private mutating func resultOfSuccess(_ backend: BackendTitle, _ verdict: Health.Verdict, rise: Int) {
        switch verdict {
        case .alive(let changed) where prints(changed):
            outputs.result { $0.appendProbe("IP : <", backend, "Server is alive\n") }
        case .rising(let count) where prints(true):
            outputs.result {
                $0.appendProbe("IP : <", backend, "Server is rising: ")
                $0.append(count)
                $0.append(" of ")
                $0.append(rise)
                $0.append("\n")
            }
        case .alive, .rising, .bad, .dead:
            break
        }
    }

    private mutating func resultOfFailure(
        _ backend: BackendTitle, named name: HostName?, _ cause: ProbeFailure, _ verdict: Health.Verdict, fall: Int
    ) {
        switch verdict {
        case .bad(let changed) where prints(changed):
            explain(backend, name, cause, failures: 1)
            outputs.result { $0.appendProbe("IP: <", backend, "Server is bad\n") }
        case .dead(let changed) where prints(changed):
            explain(backend, name, cause, failures: fall)
            outputs.result { $0.appendProbe("IP: <", backend, "Server is dead\n") }
        case .alive, .rising, .bad, .dead:
            break
        }
    }

    /// The cause of a failed probe, before its result. The guide's line has the cause alone, because the result follows
    /// it; where standard error goes elsewhere, the backend is appended. `failures` is for the other modes, which print
    /// only changes.
    private mutating func explain(
        _ backend: BackendTitle, _ name: HostName?, _ cause: ProbeFailure, failures: Int
    ) {
        guard mode == .guide else {
            return notice {
                $0.append("probe of ")
                $0.append(title: backend, named: name)
                $0.append(" failed, ")
                $0.append(failures)
                $0.append(" in a row: ")
                $0.append(cause: cause)
            }
        }
        let isApart = !outputs.isMerged
        outputs.error {
            $0.append(guideCause: cause)
            if isApart {
                $0.append(" (")
                $0.append(title: backend, named: name)
                $0.append(")")
            }
            $0.append("\n")
        }
    }

    private func prints(_ changed: Bool) -> Bool {
        switch mode {
        case .guide: true
        case .changes, .sessions: changed
        case .some(.none), nil: false
        }
    }

    // MARK: names

    mutating func moved(_ name: HostName, from old: SocketAddress?, to new: SocketAddress, _ facts: BackendFacts? = nil)
    {
        event(.backendMoved) {
            if var facts {
                facts.address = new
                $0.about(facts)
            }
            $0.value("host", name.host)
            $0.words(" is at ")
            $0.value("new_address", .address(new))
            if let old {
                $0.words(" now; it was at ")
                $0.value("old_address", .address(old))
            }
        }
    }

    mutating func nameLost(
        _ name: HostName, _ reason: String, last address: SocketAddress?, _ facts: BackendFacts? = nil
    ) {
        event(.backendNameLost) {
            if let facts { $0.about(facts) }
            $0.words("cannot look up ")
            $0.value("host", name.host)
            $0.words(": ")
            $0.value("cause", reason)
            guard let address else { return $0.words("; it has no address") }
            $0.words("; it stays at ")
            $0.value("last_address", .address(address))
        }
    }

    mutating func nameFound(_ name: HostName, at address: SocketAddress, _ facts: BackendFacts? = nil) {
        event(.backendNameFound) {
            if let facts { $0.about(facts) }
            $0.value("host", name.host)
            $0.words(" can be looked up again: ")
            $0.value("found_address", .address(address))
        }
    }
}

extension BackendFacts {
    /// What a title tells, for want of more.
    fileprivate init(_ title: BackendTitle) {
        switch title {
        case .address(let address): self.init(pool: "-", name: address.description, address: address)
        case .name(let name): self.init(pool: "-", name: "\(name.host):\(name.port)", address: nil)
        case .label(let label, let title):
            self.init(title)
            name = label
        }
    }
}

extension ProbeFailure {
    /// For an event: `connection refused`.
    fileprivate var text: String {
        switch self {
        case .answer(let reason): return reason
        case .timeout: return "no answer within the check's timeout"
        case .error(let errno):
            let text = errno.description
            return text.prefix(1).lowercased() + text.dropFirst()
        case .noAddress(let reason): return "unknown host: \(reason)"
        case .itself: return "the address is that of the balancer's own listener"
        }
    }
}
