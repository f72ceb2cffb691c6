import Reactor

/// What keeps clients of a pool from a backend, in one loop: an ``Episode`` of each ``PoolTrouble``.
struct PoolTroubles {
    private var episodes = [Episode](repeating: Episode(), count: PoolTrouble.allCases.count)
    /// Clients have found no place, and nobody has told yet that this is over.
    private(set) var isCrowded = false

    /// True while the trouble lasts.
    func isOn(_ trouble: PoolTrouble) -> Bool { episodes[trouble.rawValue].isOn }

    /// Counts a client; true when the trouble begins with it.
    mutating func add(to trouble: PoolTrouble, now: Instant) -> Bool {
        let begins = episodes[trouble.rawValue].add(now: now)
        if trouble != .noBackend { isCrowded = true }
        return begins
    }

    /// Ends the trouble and returns how many clients it concerned: see ``Episode/end(now:after:)``.
    mutating func end(_ trouble: PoolTrouble, now: Instant, after quiet: Duration) -> Int? {
        let count = episodes[trouble.rawValue].end(now: now, after: quiet)
        isCrowded = isOn(.backendsFull) || isOn(.queueFull) || isOn(.waiting)
        return count
    }

    /// Ends all of them.
    mutating func endAll() -> [(PoolTrouble, clients: Int)] {
        PoolTrouble.allCases.compactMap { trouble in
            end(trouble, now: Instant(nanoseconds: .max), after: .zero).map { (trouble, clients: $0) }
        }
    }
}
