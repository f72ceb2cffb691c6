/// What a reload has changed, counted.
public struct ReloadSummary: Hashable, Sendable {
    /// How many of one kind.
    public struct Count: Hashable, Sendable {
        /// New ones.
        public internal(set) var added = 0
        /// Those that have left.
        public internal(set) var removed = 0
        /// Those that stay with other settings.
        public internal(set) var changed = 0
    }

    /// Addresses of listeners.
    public internal(set) var listeners = Count()
    /// Pools.
    public internal(set) var pools = Count()
    /// Backends of all pools.
    public internal(set) var backends = Count()

    /// The limit on sessions or the drain time is another.
    public internal(set) var hasOtherProcessSettings = false

    /// Nothing has changed.
    public var isEmpty: Bool { self == ReloadSummary() }
}

/// Why a configuration was not taken over; nothing of it was.
public struct ReloadError: Error, Hashable, CustomStringConvertible {
    /// One line, for display.
    public let description: String
}
