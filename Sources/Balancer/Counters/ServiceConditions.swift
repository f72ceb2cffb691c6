import Reactor
import Synchronization

/// Why new clients are not served although backends are up: for the state that the process reports, over all loops.
///
/// Each loop has a bit per condition. It is written when the condition begins or ends in the loop, which is rare, and
/// read when the state is reported; no session that is served touches it.
final class ServiceConditions: Sendable {
    /// A condition of a loop.
    enum Condition {
        /// All sessions are taken, and clients have had to wait since.
        case full
        /// There is no descriptor or memory to accept clients with: those waiting are closed.
        case cannotAccept
        /// There is no port, source address, descriptor or memory to connect with: clients are closed.
        case cannotConnect
    }

    private let full = Atomic<UInt64>(0)
    private let cannotAccept = Atomic<UInt64>(0)
    private let cannotConnect = Atomic<UInt64>(0)
    /// When a client was last closed because of ``Condition/cannotConnect``: CLOCK_MONOTONIC, in nanoseconds.
    private let lastClosed = Atomic<UInt64>(0)
    private let changes = Atomic<UInt64>(0)

    /// Another number after each change.
    var version: UInt64 { changes.load(ordering: .acquiring) }

    /// True while the condition lasts in any loop.
    func contains(_ condition: Condition) -> Bool { bits(of: condition) != 0 }

    private func bits(of condition: Condition) -> UInt64 {
        switch condition {
        case .full: full.load(ordering: .relaxed)
        case .cannotAccept: cannotAccept.load(ordering: .relaxed)
        case .cannotConnect: cannotConnect.load(ordering: .relaxed)
        }
    }

    /// The condition lasts in a loop, as of `now`. True when it has just begun.
    func begin(_ condition: Condition, in loop: Int, _ now: Instant) -> Bool {
        let bit: UInt64 = 1 << UInt64(loop)
        if condition == .cannotConnect { lastClosed.store(now.nanoseconds, ordering: .relaxed) }
        guard bits(of: condition) & bit == 0 else { return false }
        switch condition {
        case .full: full.bitwiseOr(bit, ordering: .relaxed)
        case .cannotAccept: cannotAccept.bitwiseOr(bit, ordering: .relaxed)
        case .cannotConnect: cannotConnect.bitwiseOr(bit, ordering: .relaxed)
        }
        changes.add(1, ordering: .releasing)
        return true
    }

    /// The condition is over in the loops of `mask`. True when it was not over before.
    private func end(_ condition: Condition, _ mask: UInt64) -> Bool {
        guard bits(of: condition) & mask != 0 else { return false }
        switch condition {
        case .full: full.bitwiseAnd(~mask, ordering: .relaxed)
        case .cannotAccept: cannotAccept.bitwiseAnd(~mask, ordering: .relaxed)
        case .cannotConnect: cannotConnect.bitwiseAnd(~mask, ordering: .relaxed)
        }
        changes.add(1, ordering: .releasing)
        return true
    }

    /// The condition is over in a loop. True when it was not over before.
    func end(_ condition: Condition, in loop: Int) -> Bool { end(condition, 1 << UInt64(loop)) }

    /// A probe has connected at `now`: this machine can connect again, unless a client was closed a moment ago. Without
    /// this the condition would stay where no clients come, as when others were told to keep away because of it.
    func probeConnected(_ now: Instant) {
        guard contains(.cannotConnect) else { return }
        let last = Instant(nanoseconds: lastClosed.load(ordering: .relaxed))
        if now >= last + Episode.quiet { _ = end(.cannotConnect, .max) }
    }
}
