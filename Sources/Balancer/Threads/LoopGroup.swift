import Reactor

/// The loops of a process: one, or several on a thread each.
///
/// Each loop has listeners of its own on the same addresses, its own sessions, timers and memory; the kernel deals the
/// clients out. What they share stands on a ``Board``. Loop 0 runs on the calling thread; it alone probes and has the
/// signals. See ARCHITECTURE.md, "Several loops".
public enum LoopGroup {
    /// Binds, then runs until a signal has ended all loops. SIGTERM, SIGINT and SIGHUP are blocked from here on and
    /// handled.
    ///
    /// `service` is told how they do; `lookUp` finds the backends that have names.
    ///
    /// Throws when a system call fails, in the set-up or in any loop. The other loops are then told to stop but not
    /// waited for: nothing may keep a process alive that has lost a part of itself.
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
        let listeners: [BoundListeners]
        do throws(SystemCallError) {
            listeners = try BoundListeners.bind(configuration)
            board = try Board(configuration, log: output)
        } catch {
            throw LoopFailure(loop: nil, cause: error)
        }
        runSeveral(configuration, board, listeners, .init(service: service, lookUp: lookUp))
        var words = LoopLog(sharing: board.log)
        if let failure = board.failure {
            words.log.finish()
            throw failure
        }
        words.log.stopped(cut: board.sessionsCut)
        words.log.finish()
    }

    /// Before any thread is started, which inherits what is blocked.
    private static func makeSignals() throws(SystemCallError) -> Signals {
        try Signals([.terminate, .interrupt, .hangup])
    }

    /// Runs all loops until they have ended, or until one has failed.
    private static func runSeveral(
        _ configuration: Configuration, _ board: Board, _ listeners: [BoundListeners],
        _ surroundings: consuming BalancerLoop.Surroundings
    ) {
        var threads = Slab<LoopThread>(capacity: configuration.threads)
        do throws(SystemCallError) {
            surroundings.signals = try makeSignals()
            var loop = try BalancerLoop(configuration, board, 0, listeners[0], surroundings)
            for number in 1..<configuration.threads {
                let own = listeners[number]
                let thread = try LoopThread(name: "balancer/\(number)") { serve(configuration, board, number, own) }
                _ = threads.insert(thread)
            }
            try loop.run()
        } catch {
            board.fail(LoopFailure(loop: 0, cause: error))
        }
        // Told to stop, they end within a turn; of one that failed nothing more is expected.
        for place in 0..<configuration.threads - 1 where board.failure == nil { threads.remove(at: place).join() }
    }

    /// What a thread does.
    private static func serve(
        _ configuration: Configuration, _ board: Board, _ number: Int, _ listeners: BoundListeners
    ) {
        do throws(SystemCallError) {
            var loop = try BalancerLoop(configuration, board, number, listeners, .init())
            try loop.run()
        } catch {
            board.fail(LoopFailure(loop: number, cause: error))
        }
    }
}

extension BalancerLoop {
    /// Loop `number` of a group, made on the thread that it is to run on.
    fileprivate init(
        _ configuration: Configuration, _ board: Board, _ number: Int, _ listeners: BoundListeners,
        _ surroundings: consuming Surroundings
    ) throws(SystemCallError) {
        try self.init(
            configuration, clock: .monotonic, surroundings, words: LoopLog(sharing: board.log),
            acceptors: listeners.take(), board: board, number: number)
    }
}

/// The listeners of one loop, on their way to its thread. Unchecked: filled before the thread starts, emptied by it,
/// once, so no two threads ever touch them at a time.
private final class BoundListeners: @unchecked Sendable {
    private var acceptors: Slab<Acceptor>

    private init(capacity: Int) {
        acceptors = Slab(capacity: capacity)
    }

    func take() -> Slab<Acceptor> {
        exchange(&acceptors, with: Slab(capacity: 0))
    }

    /// Binds the listeners of all loops, so that a port in use is found before anything has begun, and each client that
    /// comes early comes to a loop that will serve it.
    ///
    /// Those of loop 0 are bound as a loop alone binds them, which fails when anybody listens there; then they are
    /// opened to those of the others. With port 0 these take the port that the kernel chose. At a socket that the
    /// service manager made, all accept from its one queue.
    static func bind(_ configuration: Configuration) throws(SystemCallError) -> [BoundListeners] {
        let sets = (0..<configuration.threads).map { _ in BoundListeners(capacity: configuration.listeners.count) }
        for settings in configuration.listeners {
            if let socket = settings.inherited {
                for set in sets {
                    let listener = try Listener(sharing: socket)
                    _ = set.acceptors.insert(Acceptor(listener: listener, pool: settings.pool))
                }
                continue
            }
            let first = try Listener(settings.address)
            try first.share()
            let address = first.address
            _ = sets[0].acceptors.insert(Acceptor(listener: first, pool: settings.pool))
            for set in sets.dropFirst() {
                let listener = try Listener(address, joining: true)
                _ = set.acceptors.insert(Acceptor(listener: listener, pool: settings.pool))
            }
        }
        return sets
    }
}
