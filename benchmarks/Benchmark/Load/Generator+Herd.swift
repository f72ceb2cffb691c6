import Glibc
import Reactor

/// Sessions whose answers come all at once: the origin is stopped, each session sends a message, the origin goes on.
///
/// ```
/// resting -> gathering (origin stopped, messages under way) -> released (origin runs, answers come) -> resting
/// ```
///
/// A latency counts from the instant at which the origin goes on.
extension Generator {
    enum Herd {
        case resting, gathering, released
    }

    /// How long the messages may take to the origin: a thousand take a relay about 10 ms.
    private static let gatheringTime = Duration.milliseconds(50)
    /// How long it is quiet between two herds.
    private static let restingTime = Duration.milliseconds(20)

    mutating func beginHerds() {
        herd = .resting
        core.timers.arm(herdTimer, at: core.now + Self.restingTime)
    }

    /// Goes on to the herd's next state, when its time has come.
    mutating func driveHerd() {
        switch herd {
        case .resting: if stage != .finishing { gather() }
        case .gathering: release()
        case .released: break
        }
    }

    private mutating func gather() {
        herd = .gathering
        setOrigin(running: false)
        arrived = 0
        for index in connections.indexRange where connections.isTaken(index) {
            connections[index].target += UInt64(plan.messageBytes)
            // For answers that the origin still gave.
            connections[index].began = clock.now().nanoseconds
            exchange(index)
        }
        core.timers.arm(herdTimer, at: core.now + Self.gatheringTime)
    }

    private mutating func release() {
        herd = .released
        let now = clock.now().nanoseconds
        for index in connections.indexRange where connections.isTaken(index) { connections[index].began = now }
        setOrigin(running: true)
        restIfAnswered()
    }

    /// A session of the herd has its answer.
    mutating func answerCame() {
        arrived += 1
        restIfAnswered()
    }

    private mutating func restIfAnswered() {
        guard herd == .released, arrived >= connections.count else { return }
        herd = .resting
        core.timers.arm(herdTimer, at: core.now + Self.restingTime)
    }

    /// Stops the origin, or lets it go on. A generator that ends must not leave it stopped.
    func setOrigin(running: Bool) {
        guard let origin = plan.origin else { return }
        kill(origin, running ? SIGCONT : SIGSTOP)
    }
}
