import Reactor

/// The operator's log: lines that are written without ever waiting for their reader.
///
/// What they are is said by ``LogSettings``. With the lines of the one-line command, results go to standard output; causes
/// and failures to standard error. Their text is, byte for byte, the reference system's: see ``LogMode``. With events by
/// transitions, each event of ``EventKind`` and each session is a line of its own destination. Where both destinations are
/// the same (a terminal, `2>&1`) they share one buffer, so that each cause precedes its result.
public struct EventLog: ~Copyable {
    /// Which lines are written.
    public let settings: LogSettings
    /// Why the system's log takes no lines at the start; nil where it does, or is not asked for.
    public internal(set) var syslogFault: Errno?
    /// Which sessions have a line.
    let selection: SessionSelection
    var outputs: LogOutputs
    /// Keeps the last events for administration; nil where there is none.
    public var recorder: EventRecorder?
    /// See ``withOwnLines(_:)``.
    private var isOnlyRecorded = false
    let eventWriter: LineWriter
    let sessionWriter: LineWriter
    /// Failures that several loops may have at the same time. `troubles` has those of the pools that had one.
    private var full = Tally()
    private var shortage = Tally()
    private var connectShortage = Tally()
    private var troubles: [PoolTrouble.Place: Tally] = [:]
    /// Listeners that had their most sessions, by name.
    private var fullListeners: [String: Tally] = [:]
    /// Listeners that sent clients away.
    var listenerTroubles: [ListenerTroublePlace: Tally] = [:]

    /// A log with the lines of the one-line command, on two streams of the process.
    public init(_ mode: LogMode, output: consuming OutputStream, errors: consuming OutputStream) {
        settings = .lines(mode)
        selection = SessionSelection(all: mode == .guide || mode == .sessions)
        outputs = LogOutputs(output: output, errors: errors)
        eventWriter = LineWriter(format: .text, isSyslog: false, clock: .system)
        sessionWriter = eventWriter
    }

    init(
        _ settings: LogSettings, _ selection: SessionSelection, _ outputs: consuming LogOutputs, events: LineWriter,
        sessions: LineWriter
    ) {
        self.settings = settings
        self.selection = selection
        self.outputs = outputs
        eventWriter = events
        sessionWriter = sessions
    }

    /// The lines of the one-line command; nil with events by transitions.
    var mode: LogMode? {
        if case .lines(let mode) = settings { mode } else { nil }
    }

    mutating func add(to poller: borrowing Poller, _ token: Token) {
        outputs.add(to: poller, token)
    }

    // MARK: events

    /// Writes an event, if the log has events of its level. This is all that a part needs that has something to tell:
    /// ``EventKind`` says what an event is, and `build` what it is about.
    mutating func event(_ kind: EventKind, _ build: (inout LogEvent) -> Void) {
        if let recorder, kind.level < .debug {
            var event = LogEvent(kind)
            build(&event)
            recorder.add(event)
        }
        guard !isOnlyRecorded else { return }
        switch settings {
        case .lines(let mode):
            guard mode != .none, kind.level < .debug else { return }
            var event = LogEvent(kind)
            build(&event)
            notice { LineWriter.appendWords(of: event, to: &$0, .words, ofCommand: true) }
        case .transitions(let settings, _):
            guard settings.destination != .none, kind.level <= settings.level else { return }
            var event = LogEvent(kind)
            build(&event)
            let writer = eventWriter
            outputs.error { writer.write(event, to: &$0) }
        }
    }

    /// Events for which the one-line command has lines of its own, which were written: there they are only recorded.
    mutating func withOwnLines(_ body: (inout EventLog) -> Void) {
        guard mode != nil else { return body(&self) }
        guard recorder != nil else { return }
        isOnlyRecorded = true
        body(&self)
        isOnlyRecorded = false
    }

    /// A line of the one-line command, in every mode but `none`: failures, new addresses of names, signals.
    mutating func notice(_ write: (inout LineLog.Record) -> Void) {
        guard let mode, mode != .none else { return }
        outputs.error {
            $0.append("balancer: ")
            write(&$0)
            $0.append("\n")
        }
    }

    // MARK: sessions

    /// `count` removes the session's row from the session table and returns how many are left.
    mutating func sessionEnded(_ record: SessionRecord, count: () -> Int) {
        let remaining = count()
        switch settings {
        case .lines(.guide):
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
        case .lines(.sessions):
            outputs.result { $0.append(record) }
        case .lines(.changes), .lines(.none):
            break
        case .transitions:
            guard let names = record.names else { return }
            let writer = sessionWriter
            outputs.result { writer.write(record, names, to: &$0) }
        }
    }

    // MARK: failures

    /// Clients of a pool are closed from now on.
    mutating func began(_ trouble: PoolTrouble, pool: PoolID, title: PoolTitle) {
        guard troubles[trouble.of(pool), default: Tally()].begin() else { return }
        event(trouble.beginningKind) {
            $0.about(title)
            $0.words(trouble.beginning)
        }
    }

    /// They are served again; so many of this loop's were closed.
    mutating func ended(_ trouble: PoolTrouble, pool: PoolID, title: PoolTitle, clients: Int) {
        guard let sum = troubles[trouble.of(pool)]?.end(clients) else { return }
        event(trouble.endKind) {
            $0.about(title)
            $0.words(trouble.end)
            $0.value("clients", sum)
        }
    }

    /// The pool was removed meanwhile.
    mutating func left(_ trouble: PoolTrouble, pool: PoolID, name: String, clients: Int) {
        guard let sum = troubles[trouble.of(pool)]?.end(clients) else { return }
        troubles[trouble.of(pool)] = nil
        event(.poolRemoved) {
            $0.field("pool", name)
            $0.words("a pool that could not serve its clients was removed; clients closed, or kept waiting, before: ")
            $0.value("clients", sum)
        }
    }

    mutating func sessionsFull(_ count: Int) {
        guard full.begin() else { return }
        event(.processFull) {
            $0.words("all ")
            $0.value("sessions_max", count)
            $0.words(" sessions are taken: new clients wait (")
            $0.remedy(command: "--sessions-max", file: "process.sessions_max")
            $0.words(")")
        }
    }

    mutating func sessionsNotFull() {
        guard full.end() != nil else { return }
        event(.processHasRoom) { $0.words("sessions are free again: new clients are served") }
    }

    mutating func listenerFull(_ name: String, _ count: Int) {
        guard fullListeners[name, default: Tally()].begin() else { return }
        event(.listenerFull) {
            $0.field("listener", name)
            $0.words("all ")
            $0.value("sessions_max", count)
            $0.words(" sessions of the listener are taken: new clients wait")
        }
    }

    mutating func listenerNotFull(_ name: String) {
        guard fullListeners[name]?.end() != nil else { return }
        fullListeners[name] = nil
        event(.listenerHasRoom) {
            $0.field("listener", name)
            $0.words("sessions of the listener are free again: new clients are served")
        }
    }

    mutating func shortageBegan(_ errno: Errno) {
        guard shortage.begin() else { return }
        event(.processCannotAccept) {
            $0.words("cannot accept clients: ")
            $0.value("cause", errno.description)
            $0.words(errno.isOutOfDescriptors ? ": those waiting are closed" : ": they wait")
        }
    }

    mutating func shortageEnded(clients: Int) {
        guard let sum = shortage.end(clients) else { return }
        event(.processAcceptsAgain) {
            $0.words("clients are accepted again; closed meanwhile: ")
            $0.value("clients", sum)
        }
    }

    mutating func cannotConnect(_ errno: Errno) {
        guard connectShortage.begin() else { return }
        event(.processCannotConnect) {
            $0.words("cannot connect to backends: ")
            $0.value("cause", errno.description)
        }
    }

    mutating func canConnectAgain(attempts: Int) {
        guard let sum = connectShortage.end(attempts) else { return }
        event(.processConnectsAgain) {
            $0.words("connects to backends work again; attempts lost meanwhile: ")
            $0.value("attempts", sum)
        }
    }

    // MARK: signals

    /// `signal` begins a drain as SIGTERM does.
    mutating func ending(by signal: Signal) {
        event(.processSignal) {
            $0.value("signal", "\(signal.name)")
            $0.words(": ends as at SIGTERM")
        }
    }

    mutating func ignoring(_ signal: Signal) {
        event(.processSignal) {
            $0.value("signal", "\(signal.name)")
            $0.words(" has no meaning here: ignored")
        }
    }

    mutating func reloading(names: Int) {
        event(.processLooksUp) {
            $0.words("SIGHUP: the names of backends are looked up again: ")
            $0.value("names", names)
        }
    }

    mutating func draining(sessions: Int, atMost time: Duration) {
        event(.processDraining) {
            $0.words("stopping: no new clients; sessions that may finish: ")
            $0.value("sessions", sessions)
            $0.words(", within ")
            $0.value("seconds", .seconds(time))
        }
    }

    mutating func stopped(cut: Int) {
        event(.processStopped) {
            $0.words("stopped; sessions cut: ")
            $0.value("sessions_cut", cut)
        }
    }
}
