#if SCRIPTED_KERNEL
    import Balancer
    import Benchmark
    import Glibc
    import Reactor

    /// A loop with so many sessions under a scripted kernel, and the work that is measured. To be made and used inside
    /// `withScriptedKernel`.
    ///
    /// ```
    ///   open        one session after the other; the clock moves on by 1 ms per `perMillisecond` of them, except for the
    ///               last `burst`, which are opened in one instant: so their timers fall due together
    ///   messages    64 clients from all over the tables send 64 bytes each, which their backends send back; they are
    ///               the same ones in each round, since the first messages of a session cost more
    ///   timers      the clock goes on until the first idle check of each session, 30 s after it was connected
    ///   burst       the first idle checks of the last sessions
    ///   crowd       more messages at a time than a turn has reads for
    /// ```
    struct Scale: ~Copyable {
        let kernel: ScaleKernel
        let sessions: Int
        var loop: BalancerLoop

        /// How often the messages are sent; the last time counts.
        static let rounds = 3
        static let perMillisecond = 64
        static let batch = 64
        /// See SessionTimeouts.
        static let firstCheckAfter: UInt64 = 30_000_000_000
        static let millisecond: UInt64 = 1_000_000
        /// As many as are probed in one instant, so that no probe comes in between.
        private static let backends = UInt32(Limits.probesAtOnce)
        /// From one session to the next one that gets a message: all over the tables, and none twice in a batch. A prime.
        private static let stride = 2_654_435_761

        init(_ kernel: ScaleKernel, sessions: Int) throws {
            self.kernel = kernel
            self.sessions = sessions
            loop = try BalancerLoop(
                Self.configuration(sessionsMax: sessions),
                output: EventLog(.none, output: OutputStream(number: 1), errors: OutputStream(number: 2)))
        }

        /// One listener, and backends that are probed at the start and then once an hour.
        static func configuration(sessionsMax: Int) throws -> Configuration {
            var health = Configuration.HealthCheck()
            health.interval = .seconds(3600)
            return try Configuration(
                listeners: [.init(address: .ipv6(high: 0, low: 1, scope: 0, port: 20_000))],
                pools: [
                    .init(
                        backends: (1...backends).map { .init(address: .ipv4(0x0A01_0000 + $0, port: 80)) },
                        health: health)
                ],
                timeouts: .init(), limits: Limits(sessionsMax: sessionsMax), latency: .init(), log: .none, threads: 1)
        }

        /// Turns until nothing is left to do at this instant.
        mutating func settle() throws {
            repeat { try loop.turn(.immediately) } while kernel.hasEvents || loop.hasMoreToDo
        }

        // MARK: the work

        /// Opens all sessions, the last `burst` of them in one instant.
        mutating func open(burst: Int) throws {
            try settle()
            kernel.startSessions()
            let spread = sessions - burst
            while kernel.accepted < spread {
                kernel.arrive(min(Self.perMillisecond, spread - kernel.accepted))
                try settle()
                kernel.nanoseconds += Self.millisecond
            }
            while kernel.accepted < sessions {
                kernel.arrive(min(Self.perMillisecond, sessions - kernel.accepted))
                try settle()
            }
            kernel.nanoseconds += Self.millisecond
        }

        /// So many messages, there and back, in sessions that are always the same ones. What is measured has functions of
        /// its own, at whose ends a profile is taken.
        @inline(never) mutating func scaleMessages(_ count: Int) throws { try relay(count) }

        /// The same from more clients at a time than a turn has reads for, so that sessions stand in the queue of late ones.
        mutating func crowd(_ count: Int) throws { try relay(count, batch: 8 * Self.batch) }

        private mutating func relay(_ count: Int, batch: Int = batch) throws {
            let (before, batches) = (kernel.echoed, count / batch)
            var session = 0
            for _ in 0..<batches {
                for _ in 0..<batch {
                    session = (session + Self.stride) % sessions
                    kernel.send(from: session)
                }
                try settle()
            }
            precondition(
                kernel.echoed - before == batches * batch * Int(ScaleKernel.messageBytes),
                "a message that did not come back")
        }

        /// The clock goes on, from each instant to the next for which the loop has set its timer, up to `end`.
        @inline(never) mutating func scaleTimers(until end: UInt64) throws {
            while kernel.wakesAt != 0, kernel.wakesAt <= end {
                kernel.nanoseconds = max(kernel.nanoseconds, kernel.wakesAt)
                try settle()
            }
            kernel.nanoseconds = end
            try settle()
        }

        /// The millisecond in which the timers of the burst fall due; how long each of its turns took, in nanoseconds.
        mutating func runBurst() throws -> [UInt64] {
            kernel.nanoseconds += 2 * Self.millisecond
            var lengths: [UInt64] = []
            lengths.reserveCapacity(1 << 12)
            repeat {
                let begun = Self.realTime()
                try scaleBurstTurn()
                lengths.append(Self.realTime() - begun)
            } while kernel.hasEvents || loop.hasMoreToDo
            return lengths
        }

        @inline(never) private mutating func scaleBurstTurn() throws { try loop.turn(.immediately) }

        // MARK: measuring

        /// The machine's clock, which is not scripted.
        static func realTime() -> UInt64 {
            var time = timespec()
            _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
            return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
        }

        /// What this process has in memory, in bytes; 0 when the kernel does not tell.
        static func residentBytes() -> Int {
            let line = TextFile.read("/proc/self/smaps_rollup")?.split(separator: "\n").first { $0.hasPrefix("Rss:") }
            return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 } ?? 0
        }
    }
#endif
