import Reactor

/// The names of backends that have left the roster: sessions may still be on them, and are listed, told of and ended by name.
struct DepartedTargets: Sendable {
    /// One that has left.
    struct Target: Sendable {
        let id: TargetID
        let name: String
        let pool: String
        let address: String?
    }

    /// The last ones at the end.
    private(set) var targets: [Target] = []

    /// How many are remembered.
    static let countMax = 4096

    /// Remembers those that are no more.
    mutating func note(from before: [PoolEntry], to present: [PoolEntry]) {
        let ids = Set(present.lazy.flatMap { $0.targets.lazy.map(\.id) })
        for pool in before {
            for target in pool.targets where !ids.contains(target.id) {
                targets.append(
                    Target(
                        id: target.id, name: target.name, pool: pool.name, address: target.address?.description))
            }
        }
        if targets.count > Self.countMax { targets.removeFirst(targets.count - Self.countMax) }
    }
}
