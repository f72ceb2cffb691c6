/// What one run of the load generator has to do. It travels to the generator's process as JSON.
public struct LoadPlan: Codable, Equatable, Sendable {
    /// The work that is measured.
    public enum Work: String, Codable, Sendable {
        /// Connect, send a message, receive it back, close; then the next.
        case short
        /// Send a message, receive it back; then the next on the same connection.
        case pingPong
        /// As `pingPong`, at instants fixed beforehand.
        case openLoop
        /// Receive without end.
        case down
        /// Send without end.
        case up
        /// Both at once.
        case both
        /// Exchange one message, then stay.
        case idle
        /// Send a message on each connection while the origin is stopped, then let it run: all answers come at once.
        case herd
    }

    /// What disturbs the work.
    public enum Disturbance: String, Codable, Sendable {
        /// Downloads, which begin after the work has been measured alone.
        case downloads
        /// Short connections at a fixed rate, which begin after the work has been measured alone.
        case storm
        /// Sessions that exchange one message and then stay; opened after the work has been measured alone.
        case idlers
        /// Downloads whose reader takes 16 KiB every 10 ms; from the start.
        case slowReaders
    }

    /// The work that is measured.
    public var work: Work
    /// On how many connections, all at once.
    public var connections: Int
    /// The size of a message.
    public var messageBytes: Int
    /// What disturbs the work.
    public var disturbance: Disturbance?
    /// On how many connections it does; those of a storm are not counted here.
    public var disturbers = 0
    /// Bytes per second of each download that disturbs; 0 for as many as go through.
    public var downloadRate = 0
    /// Up to so many downloads have the kernel's own buffers.
    static let fewDownloads = 4
    /// The downloads of `down` are those that disturb other work, which another generator does.
    public var isBeside = false
    /// Short connections per second beside the work, while it is disturbed. Each is due at its instant, whatever
    /// becomes of those before it.
    public var visitRate: Double = 0
    /// Arrivals per second, of an open loop.
    public var rate: Double = 0
    /// The core for what reads the downloads that disturb, if there is one for it alone.
    public var readerCore: Int?
    /// The port to connect to, on 127.0.0.1.
    public var port: UInt16 = 0
    /// How long to work before the measured window begins.
    public var warmUp: Double = 0.2
    /// The length of the measured window.
    public var seconds: Double = 1
    /// Whose processor time and memory to observe: the subject's first process.
    public var subject: Int32?
    /// The origin's process.
    public var origin: Int32?

    /// Some work, without a disturbance.
    public init(_ work: Work, connections: Int, messageBytes: Int = 64) {
        self.work = work
        self.connections = connections
        self.messageBytes = messageBytes
    }

    /// What is wrong with the plan; nil when it can be carried out.
    public var fault: String? {
        if !(1...Self.connectionsMax).contains(connections) { return "connections: 1 to \(Self.connectionsMax)" }
        if !(1...Self.messageBytesMax).contains(messageBytes) { return "messageBytes: 1 to \(Self.messageBytesMax)" }
        if !(0...Self.disturbersMax).contains(disturbers) { return "disturbers: 0 to \(Self.disturbersMax)" }
        if !(0.001...Self.secondsMax).contains(seconds) { return "seconds: 0.001 to \(Self.secondsMax)" }
        if !(0...Self.secondsMax).contains(warmUp) { return "warmUp: 0 to \(Self.secondsMax)" }
        if work == .openLoop, !(1...Self.rateMax).contains(rate) { return "rate: 1 to \(Self.rateMax)" }
        if !(0...Int(Int32.max)).contains(downloadRate) { return "downloadRate: 0 to \(Int32.max)" }
        if visitRate != 0, !(1...Self.rateMax).contains(visitRate) { return "visitRate: 0, or 1 to \(Self.rateMax)" }
        if disturbance == .storm, visitRate == 0 { return "visitRate: 1 to \(Self.rateMax)" }
        if work == .herd, origin == nil { return "origin: a process" }
        return port == 0 ? "port: 1 to 65535" : nil
    }

    /// Connections of the work, at most.
    public static let connectionsMax = 20_000
    /// Connections of the disturbance, at most.
    public static let disturbersMax = 20_000
    /// Short connections beside the work that stand at the same time, at most. One more waits for its place, and its
    /// latency counts from when it was due.
    public static let visitsMax = 1000
    /// The longest message: a chunk of the pattern.
    public static let messageBytesMax = Pattern.chunkBytes
    /// The longest window, in seconds.
    public static let secondsMax: Double = 60
    /// Arrivals per second, at most.
    public static let rateMax: Double = 1_000_000
}
