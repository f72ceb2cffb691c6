extension Configuration {
    /// What becomes of the sessions of a backend whose probes have found it down.
    public enum WhenDown: Hashable, Sendable {
        /// They go on: what has failed may be the probe, and an end would help nobody.
        case keep
        /// They end, so that their clients come back and get another backend.
        case close
    }

    /// What becomes of the sessions of a backend that is removed.
    public enum WhenRemoved: Hashable, Sendable {
        /// They go on until they end by themselves.
        case keep
        /// They may go on for so long, and then end.
        case drain(Duration)
        /// They end.
        case close

        /// Throws an error that names the fault and the remedy.
        func check() throws(ConfigurationError) {
            guard case .drain(let time) = self else { return }
            try Configuration.check(time, "drain time of removed backends", from: .zero)
        }
    }
}
