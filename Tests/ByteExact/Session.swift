import Reactor

/// A client, its backend, and what they are to do.
final class Session {
    let number: Int
    let script: Script
    let begun: Instant
    let client: Peer
    var backend: Peer?

    /// How much longer than its pauses a session may take, for everything else: the machine may be busy.
    static let slack = Duration.seconds(30)

    init(_ number: Int, _ script: Script, client: Peer, now: Instant) {
        self.number = number
        self.script = script
        self.client = client
        begun = now
    }

    /// A session that lasts longer than this hangs.
    var deadline: Instant { begun + .seconds(2 * script.seconds) + Self.slack }

    /// Both sides have left. A client that has left with fewer acknowledged bytes than identify a session may not have
    /// reached a backend.
    var isOver: Bool {
        guard client.outcome.hasLeft else { return false }
        if let backend { return backend.outcome.hasLeft }
        return client.outcome.acknowledged < Tape.markBytes
    }

    /// What a side has sent.
    func sent(byClient: Bool) -> Int { byClient ? client.outcome.sent : backend?.outcome.sent ?? 0 }
}
