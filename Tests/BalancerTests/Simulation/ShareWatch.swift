import Reactor

@testable import Balancer

/// What a loop has called for in one turn.
struct TurnCalls {
    /// Bytes taken out of sockets.
    var bytes = 0
    /// Bytes written to sockets.
    var sent = 0
    /// Reads and splices of sockets, also those that found nothing.
    var reads = 0
    private var touched: Set<ObjectIdentifier> = []

    mutating func touch(_ socket: SimulatedSocket) { touched.insert(ObjectIdentifier(socket)) }
    func hasTouched(_ socket: SimulatedSocket?) -> Bool {
        socket.map { touched.contains(ObjectIdentifier($0)) } ?? false
    }
}

/// No turn exceeds its shares, and whoever waits for a share is served in a bounded number of turns: queues are first in
/// first out, in each turn the first of each queue is served, and what could go on stands in a queue.
struct ShareWatch {
    private let shares: TurnShares
    private let chunkBytes: Int
    private let hasFastOpen: Bool
    /// In how many turns somebody was left waiting: in bulk, late, for a connect, to be accepted.
    private(set) var turnsWaited = [0, 0, 0, 0]

    // As the last turn has left them.
    private var wasRunning = true
    private var accepted: UInt64 = 0
    private var connects: UInt64 = 0
    private var timedOut: UInt64 = 0
    private var idle: UInt64 = 0
    private var fronts: [Front] = []

    /// The first of a queue, and for how many turns nothing has been done for it.
    private struct Front {
        let token: Token?
        let attempts: UInt16
        var turns = 0
    }

    /// A session may be served without a call, and be reported again in the same turn: that does not repeat itself.
    private static let turnsMax = 8

    init(_ configuration: Configuration) {
        shares = configuration.limits.shares
        chunkBytes = configuration.limits.chunkBytes
        hasFastOpen = configuration.latency.fastOpen
    }

    /// Notes what the next turn begins with.
    mutating func prepare(_ loop: borrowing BalancerLoop) {
        wasRunning = loop.state == .running
        accepted = loop.journal.cells[.accepted]
        connects = loop.journal.cells[.connects]
        timedOut = loop.journal.cells[.failedTimedOut]
        idle = loop.journal.cells[.endedIdle]
    }

    /// A turn is over; returns what did not hold, for people.
    mutating func look(at loop: borrowing BalancerLoop, _ kernel: SimulatedKernel) -> [String] {
        var found = lookAtMoves(loop, kernel.turn)
        guard loop.isRunning else { return found }
        found += lookAtCounts(loop)
        found += lookAtQueues(loop, kernel)
        found += Self.lookAtForgotten(loop)
        return found
    }

    /// The last session that is served may exceed a share: by a quantum in each direction, whose last read may be a whole
    /// chunk. That is so among those with an event, and once more among those in bulk.
    private func lookAtMoves(_ loop: borrowing BalancerLoop, _ calls: TurnCalls) -> [String] {
        var found: [String] = []
        // What goes with a SYN is taken out of its socket later, and what is discarded has a share of its own.
        // Headers of clients are taken out of their sockets beside the share of bytes, at a look that is charged.
        let headers = loop.sessions.rules.isEmpty ? 0 : shares.reads * ProxyWire.lineBytesMax
        let moved = calls.bytes - headers - (Limits.lingerBytesPerTurn - loop.sessions.relay.discardsLeft)
        let bytesMax = max(shares.chunks + shares.bulkChunks + 8, shares.bulkChunksAlone + 4) * chunkBytes
        if !hasFastOpen, moved > bytesMax { found.append("a turn has read \(moved) bytes of \(bytesMax)") }
        if calls.sent > bytesMax { found.append("a turn has written \(calls.sent) bytes of \(bytesMax)") }
        // A read may be two calls: a splice that could not decide, or a peek.
        let readsMax = 2 * (shares.reads + 5 * shares.readsPerQuantum)
        if !hasFastOpen, moved + headers == calls.bytes, calls.reads > readsMax {
            found.append("a turn has read \(calls.reads) times, of \(readsMax)")
        }
        return found
    }

    /// A drain takes all who wait, in one turn.
    private func lookAtCounts(_ loop: borrowing BalancerLoop) -> [String] {
        guard wasRunning == (loop.state == .running) else { return [] }
        var found: [String] = []
        func compare(_ counted: UInt64, _ most: Int, _ name: String) {
            if counted > UInt64(most) { found.append("a turn with \(counted) \(name), of \(most)") }
        }
        compare(loop.journal.cells[.accepted] - accepted, shares.accepts, "accepted clients")
        compare(loop.journal.cells[.connects] - connects, shares.connects, "connects")
        let timers = loop.journal.cells[.failedTimedOut] - timedOut + loop.journal.cells[.endedIdle] - idle
        compare(timers, shares.timers, "timers")
        return found
    }

    private mutating func lookAtQueues(_ loop: borrowing BalancerLoop, _ kernel: SimulatedKernel) -> [String] {
        var found: [String] = []
        let tokens = [loop.sessions.bulk.front, loop.sessions.late.front, loop.sessions.connects.front]
        if loop.admission.waitingCount > 0 { turnsWaited[3] += 1 }
        var next: [Front] = []
        for (place, token) in tokens.enumerated() {
            if token != nil { turnsWaited[place] += 1 }
            guard let token, let index = loop.sessions.index(of: token) else {
                next.append(Front(token: token, attempts: 0))
                continue
            }
            var front = Front(token: token, attempts: loop.sessions.slab[index].attempts)
            let isServed =
                kernel.turn.hasTouched(kernel.socketObject(loop.sessions.slab[index].link.client.stream.number))
                || kernel.turn.hasTouched(kernel.socketObject(loop.sessions.slab[index].link.backend.stream.number))
            if !fronts.isEmpty, fronts[place].token == token, fronts[place].attempts == front.attempts, !isServed {
                front.turns = fronts[place].turns + 1
            }
            if front.turns >= Self.turnsMax { found.append("a session stands first for \(front.turns) turns") }
            next.append(front)
        }
        fronts = next
        return found
    }

    /// The poller reports changes only: a session that could go on and stands in no queue would wait for ever.
    private static func lookAtForgotten(_ loop: borrowing BalancerLoop) -> [String] {
        var queued = 0
        for index in loop.sessions.slab.indexRange where loop.sessions.slab.isTaken(index) {
            if loop.sessions.slab[index].isQueued {
                queued += 1
                continue
            }
            guard loop.sessions.slab[index].phase == .relaying else { continue }
            let (up, down) = (
                loop.sessions.slab[index].link.upstream.stage, loop.sessions.slab[index].link.downstream.stage
            )
            let client = (
                loop.sessions.slab[index].link.client.isReadable, loop.sessions.slab[index].link.client.isWritable
            )
            let backend = (
                loop.sessions.slab[index].link.backend.isReadable, loop.sessions.slab[index].link.backend.isWritable
            )
            if up == .open && client.0 && backend.1 || down == .open && backend.0 && client.1 {
                return ["a session that could go on stands in no queue"]
            }
        }
        let standing = loop.sessions.bulk.count + loop.sessions.late.count + loop.sessions.connects.count
        return queued <= standing ? [] : ["\(queued) sessions are queued, and the queues have \(standing)"]
    }
}
