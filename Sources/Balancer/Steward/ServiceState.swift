/// What a new client may expect of the process.
public enum ServiceState: String, Sendable, CaseIterable {
    /// To be served.
    case serving
    /// Not known: the first round of probes has not ended yet.
    case starting
    /// To be closed at once: no backend is up, or none has ever answered.
    case noBackend = "no-backend"
    /// To wait: all sessions are taken, and clients have had to wait since.
    case full
    /// To be closed at once: this machine lacks descriptors, ports, memory or the source address, so that clients
    /// were closed a moment ago, or no probe can be made.
    case impaired
    /// To be refused: the balancer is about to end.
    case draining
    /// To wait, as all sessions of a loop do that has not answered for a second. Only administration tells.
    case stuck
}
