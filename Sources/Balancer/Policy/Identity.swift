/// The identity of a backend within the process; never reused.
public struct TargetID: Hashable, Sendable, CustomStringConvertible {
    let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `target 7`
    public var description: String { "target \(rawValue)" }
}

/// The identity of a pool within the process; never reused.
struct PoolID: Hashable, Sendable, CustomStringConvertible {
    let rawValue: UInt32
    /// `pool 2`
    var description: String { "pool \(rawValue)" }
}
