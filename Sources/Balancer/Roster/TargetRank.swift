/// Which backends of a pool get new sessions: those of the first rank that has any which policies may pick.
enum TargetRank: Int, CaseIterable, Hashable, Sendable {
    /// No backup, and up as far as is known.
    case primary
    /// Up as far as is known.
    case backup
    /// No backup; whether it is there has to be found out: ``TargetEntry/isUnknown``.
    case unknownPrimary
    /// Likewise a backup.
    case unknownBackup
    /// Every one, whatever is known of it: ``PoolEntry/isInPanic``. Of no backend.
    case all
}

extension TargetEntry {
    /// Its first probe, at this address, has not ended, and its pool waits for that: it is picked only while no other
    /// backend is known to be up (``Configuration/HealthCheck/startsUnknown``).
    var isUnknown: Bool { startsUnknown && isUntested }

    /// Its rank among the backends of its pool.
    var rank: TargetRank {
        if isUnknown { return isBackup ? .unknownBackup : .unknownPrimary }
        return isBackup ? .backup : .primary
    }
}

/// How many backends of a pool policies may pick, by rank.
struct RankCounts: Hashable, Sendable {
    /// By the raw value of the rank.
    private var counts = SIMD8<Int>(repeating: 0)

    /// Counts a backend in (`step` 1) or out (-1).
    mutating func count(_ rank: TargetRank, _ step: Int) { counts[rank.rawValue] += step }

    /// All of them.
    var sum: Int { counts.wrappedSum() }

    /// The first rank that has any; the first of all where none has.
    var first: TargetRank { TargetRank.allCases.first { counts[$0.rawValue] > 0 } ?? .primary }
}
