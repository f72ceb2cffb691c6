/// How many sessions of which backends are to end, so that clients spread anew. Pure.
///
/// A backend has too many when it has more than its weight entitles it to, and an eighth of that, or one, besides: sessions
/// last differently long, so even an even spread is never exact.
struct Surplus {
    /// A backend: its sessions, and its share relative to the others' (``Candidate/share``).
    struct Load {
        var sessions: Int32
        var share: Int32
    }

    /// What a backend may have beyond its part, as a fraction of that: 1/8.
    private static let toleranceDivisor = 8

    /// Of each backend, how many of its sessions are to end: those above its part, but at most `most` millionths of what it
    /// has, rounded up.
    static func sessions(of loads: [Load], most: Int) -> [Int32] {
        let sessions = loads.reduce(0) { $0 + Int($1.sessions) }
        let shares = loads.reduce(0) { $0 + Int($1.share) }
        guard shares > 0 else { return loads.map { _ in 0 } }
        return loads.map { load in
            let part = (sessions * Int(load.share) + shares - 1) / shares
            guard Int(load.sessions) > part + max(1, part / toleranceDivisor) else { return 0 }
            let atOnce = (Int(load.sessions) * most + 999_999) / 1_000_000
            return Int32(min(Int(load.sessions) - part, atOnce))
        }
    }
}
