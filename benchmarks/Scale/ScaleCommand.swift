import ArgumentParser
import CommandSupport
import Reactor

/// `balancer-scale`: what a session, a message and a timer cost with many sessions, under a scripted kernel.
@main struct ScaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balancer-scale",
        abstract: "The cost of many sessions under a scripted kernel: memory, messages, timers.",
        discussion: """
            Prints a line `name value` for each figure. benchmarks/scale-table runs it and counts instructions. It must be \
            built with BALANCER_SCRIPTED set:

              BALANCER_SCRIPTED=1 swift build -c release --scratch-path .build-scale --product balancer-scale
            """,
        version: version)

    @Option(help: "How many sessions, 1000 to 1048576.")
    var sessions = 1000

    @Option(help: "How many messages in each of three rounds, of which the last is measured, 64 to 16777216.")
    var messages = 32_000

    @Option(help: "How many messages by more clients at a time than a turn serves, 0 to 16777216.")
    var crowd = 0

    static func main() { start() }

    func run() throws {
        guard (1000...1 << 20).contains(sessions) else {
            throw ValidationError("--sessions \(sessions) is not 1000 to 1048576")
        }
        guard (64...1 << 24).contains(messages) else {
            throw ValidationError("--messages \(messages) is not 64 to 16777216")
        }
        guard (0...1 << 24).contains(crowd) else {
            throw ValidationError("--crowd \(crowd) is not 0 to 16777216")
        }
        #if SCRIPTED_KERNEL
            do {
                try measure()
            } catch let error as SystemCallError {
                throw failure("balancer-scale", error)
            }
        #else
            complain("balancer-scale", "built without a scripted kernel: set BALANCER_SCRIPTED=1 for the build")
            throw ExitCode.unsuccessful
        #endif
    }
}

#if SCRIPTED_KERNEL
    extension ScaleCommand {
        /// How many timers fall due in the same millisecond; fewer where there are few sessions.
        private static let burstMax = 10_000

        /// All work first, then all output, which would be counted with what follows it.
        private func measure() throws {
            let kernel = ScaleKernel(sessions: sessions)
            let burst = min(Self.burstMax, sessions / 2)
            var figures: [(name: String, value: Int)] = []
            try withScriptedKernel(kernel) {
                let before = Scale.residentBytes()
                var begun = Scale.realTime()
                var scale = try Scale(kernel, sessions: sessions)
                figures.append(("start-us", Int(Scale.realTime() - begun) / 1000))
                let ready = Scale.residentBytes()
                figures.append(("start-bytes", ready - before))

                try scale.open(burst: burst)
                let opened = kernel.nanoseconds
                figures.append(("session-bytes", (Scale.residentBytes() - ready) / sessions))

                for _ in 0..<Scale.rounds {
                    begun = Scale.realTime()
                    try scale.scaleMessages(messages)
                }
                figures.append(("message-ns", Int(Scale.realTime() - begun) / messages))

                try scale.scaleTimers(until: opened + Scale.firstCheckAfter - 2 * Scale.millisecond)
                let lengths = try scale.runBurst()
                figures.append(("burst-timers", burst))
                figures.append(("burst-turns", lengths.count))
                figures.append(("burst-turn-us", Int(lengths.sorted()[lengths.count / 2]) / 1000))
                figures.append(("burst-us", Int(lengths.reduce(0, +)) / 1000))

                try scale.crowd(crowd)
                figures.append(("session-bytes-later", (Scale.residentBytes() - ready) / sessions))
            }
            for figure in figures { print(figure.name, figure.value) }
        }
    }
#endif
