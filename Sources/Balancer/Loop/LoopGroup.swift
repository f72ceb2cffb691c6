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
    /// `service` is notified of the process's state; `control` brings requests of other threads, `access` their questions;
    /// `lookUp` resolves the names of backends.
    ///
    /// Throws when a system call fails, in the set-up or in any loop. The other loops then get the command to stop, but
    /// their threads are not joined: one that hangs must not keep a failed process alive.
    public static func run(
        _ configuration: Configuration, output: consuming EventLog, service: consuming ServiceManager? = nil,
        control: ControlChannel? = nil, access: LoopAccess? = nil,
        lookUp: @escaping BackgroundResolver.Lookup = BackgroundResolver.system
    ) throws(LoopFailure) {
        guard configuration.threads > 1 else {
            do throws(SystemCallError) {
                let duties = ProcessDuties(
                    signals: try makeSignals(), service: service, control: control, lookUp: lookUp)
                var loop = try BalancerLoop(
                    configuration, salt: SessionIDs.makeSalt(), duties, access: access, output: output)
                return try loop.run()
            } catch {
                throw LoopFailure(loop: nil, cause: error)
            }
        }
        let board: Board
        let shared = SharedState(configuration, access: access)
        access?.open(shared, configuration)
        do throws(SystemCallError) {
            try shared.bindListeners(configuration)
            board = try Board(configuration, log: output)
        } catch {
            throw LoopFailure(loop: nil, cause: error)
        }
        runSeveral(
            configuration, shared, board, ProcessDuties(service: service, control: control, lookUp: lookUp))
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
        _ configuration: Configuration, _ shared: SharedState, _ board: Board, _ duties: consuming ProcessDuties
    ) {
        var threads = Slab<LoopThread>(capacity: configuration.threads)
        do throws(SystemCallError) {
            duties.signals = try makeSignals()
            var loop = try BalancerLoop(
                configuration, clock: .monotonic, shared, seat: Seat(board: board, loop: 0), duties,
                LoopLog(sharing: board.log))
            // Backends that were discovered before the start are there before the first client.
            loop.handleRequests()
            for loopIndex in 1..<configuration.threads {
                let thread = try LoopThread(name: "balancer/\(loopIndex)") {
                    serve(configuration, shared, Seat(board: board, loop: loopIndex))
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
    private static func serve(_ configuration: Configuration, _ shared: SharedState, _ seat: Seat) {
        do throws(SystemCallError) {
            var loop = try BalancerLoop(
                configuration, clock: .monotonic, shared, seat: seat, nil, LoopLog(sharing: seat.board.log))
            try loop.run()
        } catch {
            seat.board.fail(LoopFailure(loop: seat.loop, cause: error))
        }
    }
}
