import Reactor

/// The loops of a process: one, or several with a thread each.
///
/// Each loop has its own listeners on the same addresses, its own sessions, timers and memory; the kernel distributes
/// the clients. What the loops share is on a ``Board``. Loop 0 runs on the calling thread; it alone probes and handles
/// signals. See ARCHITECTURE.md, "Several loops".
public enum LoopGroup {
    /// Binds the listeners, then runs until a signal has ended all loops. The signals that end a
    /// process by default are blocked from then on, and handled by loop 0.
    ///
    /// `service` is notified of the process's state; `lookUp` resolves the names of backends.
    ///
    /// Throws when a system call fails, in the set-up or in any loop. The other loops then get the command to stop, but
    /// their threads are not joined: one that hangs must not keep a failed process alive.
    public static func run(
        _ configuration: Configuration, output: consuming EventLog, service: consuming ServiceManager? = nil,
        lookUp: @escaping BackgroundResolver.Lookup = BackgroundResolver.system
    ) throws(LoopFailure) {
        guard configuration.threads > 1 else {
            do throws(SystemCallError) {
                var loop = try BalancerLoop(
                    configuration, signals: makeSignals(), service: service, lookUp: lookUp, output: output)
                return try loop.run()
            } catch {
                throw LoopFailure(loop: nil, cause: error)
            }
        }
        let board: Board
        let shared = SharedState(configuration)
        let listeners: [BoundListeners]
        do throws(SystemCallError) {
            listeners = try BoundListeners.bind(configuration)
            board = try Board(configuration, log: output)
        } catch {
            throw LoopFailure(loop: nil, cause: error)
        }
        runSeveral(configuration, shared, board, listeners, ProcessDuties(service: service, lookUp: lookUp))
        var last = LoopLog(sharing: board.log)
        if let failure = board.failure {
            last.log.finish()
            throw failure
        }
        last.log.stopped(cut: board.sessionsCut)
        last.log.finish()
    }

    /// To be called before any thread is started: threads inherit the mask of blocked signals.
    private static func makeSignals() throws(SystemCallError) -> Signals {
        try Signals(Signal.endings + Signal.meaningless + [.hangup])
    }

    /// Runs all loops until they have ended, or until one has failed.
    private static func runSeveral(
        _ configuration: Configuration, _ shared: SharedState, _ board: Board, _ listeners: [BoundListeners],
        _ duties: consuming ProcessDuties
    ) {
        var threads = Slab<LoopThread>(capacity: configuration.threads)
        do throws(SystemCallError) {
            duties.signals = try makeSignals()
            var loop = try BalancerLoop(
                configuration, clock: .monotonic, shared, seat: Seat(board: board, loop: 0), duties,
                LoopLog(sharing: board.log), listeners[0].take())
            for loopIndex in 1..<configuration.threads {
                let own = listeners[loopIndex]
                let thread = try LoopThread(name: "balancer/\(loopIndex)") {
                    serve(configuration, shared, Seat(board: board, loop: loopIndex), own)
                }
                _ = threads.insert(thread)
            }
            try loop.run()
        } catch {
            board.fail(LoopFailure(loop: 0, cause: error))
        }
        // After a stop each loop ends within a turn. After a failure no thread is joined: one of them may hang.
        for place in 0..<configuration.threads - 1 where board.failure == nil { threads.remove(at: place).join() }
    }

    /// The body of a thread: makes one loop and runs it.
    private static func serve(
        _ configuration: Configuration, _ shared: SharedState, _ seat: Seat, _ listeners: BoundListeners
    ) {
        do throws(SystemCallError) {
            var loop = try BalancerLoop(
                configuration, clock: .monotonic, shared, seat: seat, nil, LoopLog(sharing: seat.board.log),
                listeners.take())
            try loop.run()
        } catch {
            seat.board.fail(LoopFailure(loop: seat.loop, cause: error))
        }
    }
}

/// The listeners of one loop, while they are handed to its thread. Unchecked: filled before the thread starts and
/// emptied once, by that thread, so no two threads access them at the same time.
private final class BoundListeners: @unchecked Sendable {
    private var entrances: Slab<Entrance>

    private init(capacity: Int) {
        entrances = Slab(capacity: capacity)
    }

    func take() -> Slab<Entrance> {
        exchange(&entrances, with: Slab(capacity: 0))
    }

    /// Binds the listeners of all loops before any loop starts: a port in use is found first, and a client that
    /// connects early is in the queue of a loop that will serve it.
    ///
    /// The listeners of loop 0 are bound like those of a single loop, which fails when another process listens there;
    /// then they are shared with those of the other loops. With port 0 these use the port that the kernel chose. At a
    /// socket that the service manager made, all loops accept from its one queue.
    static func bind(_ configuration: Configuration) throws(SystemCallError) -> [BoundListeners] {
        let sets = (0..<configuration.threads).map { _ in BoundListeners(capacity: configuration.listeners.count) }
        let backlog = configuration.limits.backlog
        for settings in configuration.listeners {
            if settings.inherited != nil {
                for set in sets { _ = set.entrances.insert(try Entrance(settings, backlog: backlog)) }
                continue
            }
            let first = try Entrance(settings, backlog: backlog)
            try first.acceptor.listener.share()
            let address = first.acceptor.listener.address
            _ = sets[0].entrances.insert(first)
            for set in sets.dropFirst() {
                _ = set.entrances.insert(try Entrance(settings, at: address, backlog: backlog, joining: true))
            }
        }
        return sets
    }
}
