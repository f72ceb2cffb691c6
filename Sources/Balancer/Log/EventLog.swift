import Reactor

/// The operator's log: lines on standard output and standard error, written without ever waiting for their reader.
///
/// The text of the lines is, byte for byte, the reference system's: see ``LogMode``. Results go to standard output;
/// causes and failures to standard error. Where both lead to the same file (a terminal, `2>&1`) they share one buffer,
/// so that each cause precedes its result.
public struct EventLog: ~Copyable {
    /// Which lines are written.
    public let mode: LogMode
    var outputs: LogOutputs
    /// Failures that several loops may have at the same time. `troubles` has those of the pools that had one.
    private var full = Tally()
    private var shortage = Tally()
    private var connectShortage = Tally()
    private var troubles: [PoolTrouble.Place: Tally] = [:]

    /// A log on two streams of the process.
    public init(_ mode: LogMode, output: consuming OutputStream, errors: consuming OutputStream) {
        self.mode = mode
        outputs = LogOutputs(output: output, errors: errors)
    }

    mutating func add(to poller: borrowing Poller, _ token: Token) {
        outputs.add(to: poller, token)
    }

    /// Writes the lines recorded since the last call. When standard output begins to fail, standard error says so.
    mutating func flush() {
        guard let errno = outputs.flush() else { return }
        notice {
            $0.append("standard output cannot be written: ")
            $0.append(errno.description)
            $0.append(": its lines are dropped until it can be")
        }
        _ = outputs.flush()
    }

    /// Writes the remaining lines when the balancer ends.
    mutating func finish() {
        flush()
        let missing = outputs.finishResults()
        if missing > 0 {
            notice {
                $0.append("lines that standard output has not taken: ")
                $0.append(missing)
            }
        }
        outputs.finishErrors()
    }

    /// See ``LogOutputs/waitForSpace()``.
    mutating func waitForSpace() { outputs.waitForSpace() }

    /// A line of every mode but `none`: failures, new addresses of names, signals.
    mutating func notice(_ write: (inout LineLog.Record) -> Void) {
        guard mode != .none else { return }
        outputs.error {
            $0.append("balancer: ")
            write(&$0)
            $0.append("\n")
        }
    }

    // MARK: health

    mutating func probeSucceeded(_ backend: BackendTitle, _ verdict: Health.Verdict, rise: Int) {
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

    /// `name` is the backend's name, if it has one beside its address; `fall` tells how many failures in a row a dead
    /// backend had.
    mutating func probeFailed(
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

    /// A probe that could not be made says nothing about the backend.
    mutating func probeNotMade(_ backend: BackendTitle, _ errno: Errno) {
        notice {
            $0.append("no probe of ")
            $0.append(title: backend)
            $0.append(": ")
            $0.append(errno.description)
        }
    }

    private func prints(_ changed: Bool) -> Bool {
        switch mode {
        case .guide: true
        case .changes, .sessions: changed
        case .none: false
        }
    }

    // MARK: names

    mutating func moved(_ name: HostName, from old: SocketAddress?, to new: SocketAddress) {
        notice {
            $0.append(name.host)
            $0.append(" is at ")
            $0.append(endpoint: new)
            if let old {
                $0.append(" now; it was at ")
                $0.append(endpoint: old)
            }
        }
    }

    mutating func nameLost(_ name: HostName, _ reason: String, last address: SocketAddress?) {
        notice {
            $0.append("cannot look up ")
            $0.append(name.host)
            $0.append(": ")
            $0.append(reason)
            guard let address else { return $0.append("; it has no address") }
            $0.append("; it stays at ")
            $0.append(endpoint: address)
        }
    }

    mutating func nameFound(_ name: HostName, at address: SocketAddress) {
        notice {
            $0.append(name.host)
            $0.append(" can be looked up again: ")
            $0.append(endpoint: address)
        }
    }

    // MARK: sessions

    /// `count` removes the session's row from the session table and returns how many are left.
    mutating func sessionEnded(_ record: SessionRecord, count: () -> Int) {
        let remaining = count()
        switch mode {
        case .guide:
            // For a client without a backend there is no row in the reference system's table.
            guard record.attempts > 0 else { return }
            outputs.result {
                $0.append("\nclient <")
                $0.append(host: record.client)
                $0.append(",")
                $0.append(record.client.port)
                $0.append("> terminated\n Current NAT table length : ")
                $0.append(remaining)
                $0.append("\n")
            }
        case .sessions:
            outputs.result { $0.append(record) }
        case .changes, .none:
            break
        }
    }

    // MARK: failures

    /// Clients of a pool are closed from now on; `title` names the pool where there are several.
    mutating func began(_ trouble: PoolTrouble, pool: PoolID, title: String?) {
        guard troubles[trouble.of(pool), default: Tally()].begin() else { return }
        notice {
            $0.appendPool(title)
            $0.append(trouble.beginning)
        }
    }

    /// They are served again; so many of this loop's were closed.
    mutating func ended(_ trouble: PoolTrouble, pool: PoolID, title: String?, clients: Int) {
        guard let sum = troubles[trouble.of(pool)]?.end(clients) else { return }
        notice {
            $0.appendPool(title)
            $0.append(trouble.end)
            $0.append(sum)
        }
    }

    /// The pool was removed meanwhile.
    mutating func left(_ trouble: PoolTrouble, pool: PoolID, clients: Int) {
        guard let sum = troubles[trouble.of(pool)]?.end(clients) else { return }
        troubles[trouble.of(pool)] = nil
        notice {
            $0.append("a pool that could not serve its clients was removed; clients closed before: ")
            $0.append(sum)
        }
    }

    mutating func sessionsFull(_ count: Int) {
        guard full.begin() else { return }
        notice {
            $0.append("all ")
            $0.append(count)
            $0.append(" sessions are taken: new clients wait (--sessions-max)")
        }
    }

    mutating func sessionsNotFull() {
        guard full.end() != nil else { return }
        notice { $0.append("sessions are free again: new clients are served") }
    }

    mutating func shortageBegan(_ errno: Errno) {
        guard shortage.begin() else { return }
        notice {
            $0.append("cannot accept clients: ")
            $0.append(errno.description)
            $0.append(errno.isOutOfDescriptors ? ": those waiting are closed" : ": they wait")
        }
    }

    mutating func shortageEnded(clients: Int) {
        guard let sum = shortage.end(clients) else { return }
        notice {
            $0.append("clients are accepted again; closed meanwhile: ")
            $0.append(sum)
        }
    }

    mutating func cannotConnect(_ errno: Errno) {
        guard connectShortage.begin() else { return }
        notice {
            $0.append("cannot connect to backends: ")
            $0.append(errno.description)
        }
    }

    mutating func canConnectAgain(attempts: Int) {
        guard let sum = connectShortage.end(attempts) else { return }
        notice {
            $0.append("connects to backends work again; attempts lost meanwhile: ")
            $0.append(sum)
        }
    }

    // MARK: signals

    /// `signal` begins a drain as SIGTERM does.
    mutating func ending(by signal: Signal) {
        notice {
            $0.append(signal.name)
            $0.append(": ends as at SIGTERM")
        }
    }

    mutating func ignoring(_ signal: Signal) {
        notice {
            $0.append(signal.name)
            $0.append(" has no meaning here: ignored")
        }
    }

    mutating func reloading(names: Int) {
        notice {
            $0.append("SIGHUP: the names of backends are looked up again: ")
            $0.append(names)
        }
    }

    mutating func draining(sessions: Int, atMost time: Duration) {
        notice {
            $0.append("stopping: no new clients; sessions that may finish: ")
            $0.append(sessions)
            $0.append(", within ")
            $0.append(seconds: time)
        }
    }

    mutating func stopped(cut: Int) {
        notice {
            $0.append("stopped; sessions cut: ")
            $0.append(cut)
        }
    }
}
