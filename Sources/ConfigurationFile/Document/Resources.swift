import Balancer
import Reactor

/// What the process may use, and what was handed to it.
public struct Resources: Sendable {
    /// The limit of open descriptors.
    public var descriptors: Int
    /// The limits on memory.
    public var memory: [MemoryLimit]
    /// The sockets that the service manager has handed over; nil when that is not to be checked.
    public var sockets: [InheritedSocket]?
    /// The path of the administration socket where the file has none; nil for no socket.
    public var adminSocket: String?

    /// What a process has.
    public init(
        descriptors: Int, memory: [MemoryLimit], sockets: [InheritedSocket]? = nil, adminSocket: String? = nil
    ) {
        self.descriptors = descriptors
        self.memory = memory
        self.sockets = sockets
        self.adminSocket = adminSocket
    }

    /// The name of the administration socket among those that are handed over.
    static let adminSocketName = "admin"

    /// The administration socket: one that was handed over, or at the path that was asked for, or at ``adminSocket``.
    func adminSocket(_ path: String?) -> Configuration.Administration.Socket? {
        if let socket = sockets?.first(where: { $0.name == Self.adminSocketName }) { return .inherited(socket) }
        return (path ?? adminSocket).map { .path($0) }
    }

    /// The limits of a balancer, as far as these resources decide them.
    ///
    /// - Parameters:
    ///   - listeners: How many there are; a socket that was handed over takes two descriptors, the received one, and the
    ///     loop's own.
    ///   - sessionsMax: What is asked for; nil for what the limit of descriptors allows.
    public func limits(
        listeners: Int, backends: Int, threads: Int, warmConnections: Int, sessionsMax: Int?, isAdministered: Bool
    ) -> Limits {
        let descriptors = max(1, self.descriptors - (isAdministered ? Configuration.Administration.descriptors : 0))
        var limits = Limits(
            sessionsMax: Limits.sessionsMax(
                descriptors: descriptors, listeners: listeners, backends: backends, threads: threads,
                warmConnections: warmConnections))
        limits.pipesMax = Limits.pipesMax(descriptors: descriptors)
        limits.blocksMax = Limits.blocksMax(memory: memory)
        limits.stalledMax = Limits.stalledMax(memory: memory)
        if let sessionsMax { limits.sessionsMax = sessionsMax }
        return limits
    }
}
