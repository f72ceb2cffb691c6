/// What one run of one row against one subject came to: the line that the load generator prints.
public struct Sample: Codable, Equatable, Sendable {
    /// Units of work done in the measured window: connections, requests, bytes or sessions.
    public var units: Double = 0
    /// The length of the window.
    public var seconds: Double = 0
    /// What the subject used in the window.
    public var subject = Usage()
    /// What the load generator used of a core in the window, in nanoseconds.
    public var load: UInt64 = 0
    /// What the origin used, in nanoseconds.
    public var origin: UInt64 = 0
    /// What all else on the machine used, in nanoseconds; steps of 10 ms.
    public var others: UInt64 = 0
    /// Latencies of the exchanges in the window.
    public var latency: Latency?
    /// The same before the disturbance began, of rows that have one.
    public var alone: Latency?
    /// Memory per session, of the row that measures it.
    public var memory: SessionMemory?
    /// The subject's memory at the end of the window, in bytes.
    public var residentBytes = 0
    /// What went wrong, and how often.
    public var errors: [String: Int] = [:]
    /// How often something else came back than what was sent.
    public var mismatches = 0

    /// A sample in which nothing has happened yet.
    public init() {}

    /// Everything that went wrong.
    public var errorCount: Int { errors.values.reduce(mismatches, +) }
}

/// Memory that sessions took, in bytes, of all of them together.
public struct SessionMemory: Codable, Equatable, Sendable {
    /// How many sessions stood.
    public var sessions: Int
    /// What the subject's processes grew by.
    public var user: Int
    /// What the kernel's slabs and socket buffers grew by: both connections of a session, at both ends.
    public var kernel: Int

    /// Of one session.
    var userEach: Double { Double(user) / Double(max(1, sessions)) }
    /// Of one session.
    var kernelEach: Double { Double(kernel) / Double(max(1, sessions)) }
}
