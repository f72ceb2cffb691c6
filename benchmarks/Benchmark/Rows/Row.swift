/// A row of the comparison: a kind of work, and the cost by which subjects are compared.
public struct Row: Sendable, Equatable {
    /// The row's name on the command line and in tables.
    public let name: String
    /// The work, in a few words.
    public private(set) var title: String
    /// The unit of work.
    public let unit: Unit
    /// The compared cost; less is better.
    public let cost: Cost
    /// The generator's instructions.
    public private(set) var plan: LoadPlan
    /// How many backends the subject has, all of them the origin; more than one are probed every second.
    public let backends: Int
    /// The shortest window in which there is something to see, in seconds.
    let secondsMin: Double
    /// True when the row is part of the quick run.
    public let isQuick: Bool

    init(
        _ name: String, _ title: String, _ unit: Unit, _ plan: LoadPlan, cost: Cost = .processor, isQuick: Bool = false,
        backends: Int = 1, secondsMin: Double = 0
    ) {
        self.name = name
        self.title = title
        self.unit = unit
        self.cost = cost
        self.plan = plan
        self.isQuick = isQuick
        self.backends = backends
        self.secondsMin = secondsMin
    }
}

extension Row {
    /// True when the row needs a subject of its own: one that has not worked yet, that has other backends, or that has
    /// thousands of sessions to end afterwards.
    var needsOwnSubject: Bool { plan.work == .idle || plan.disturbance == .idlers || backends > 1 }

    /// The row as a run with these options measures it, on subjects that have room for `sessionsMax` sessions.
    func prepared(_ options: RunOptions, sessionsMax: Int) -> Row {
        var row = self
        row.plan.seconds = max(options.seconds, secondsMin)
        row.plan.warmUp = options.warmUp
        if plan.work == .openLoop { row.plan.rate = options.rate }
        if plan.downloadRate > 0 {
            let few = Double(LoadPlan.fewDownloads)
            let all = plan.disturbers > LoadPlan.fewDownloads ? Self.manyDownloadsFactor * few : few
            let rate = options.downloadRate * all / Double(plan.disturbers)
            row.plan.downloadRate = Int(rate * 1_000_000)
            row.title += " of \(Numbers.short(rate)) MB/s each"
        }
        if plan.disturbance == .storm { row.plan.visitRate = options.stormRate }
        if plan.visitRate > 0 {
            let rate = Numbers.short(row.plan.visitRate)
            row.title += ", " + (plan.disturbance == .storm ? "" : "and new connections, ") + "\(rate) per second"
        }
        if plan.disturbance == .idlers {
            let room = max(0, sessionsMax - plan.connections - Self.spareSessions)
            row.plan.disturbers = min(LoadPlan.disturbersMax, room)
            row.title += ": \(Numbers.short(Double(row.plan.disturbers)))"
        }
        return row
    }

    /// How much more hundreds of downloads ask for than the few of `beside-bulk`, in all.
    private static let manyDownloadsFactor = 2.0

    /// Sessions that are left free beside idle ones.
    private static let spareSessions = 100
}

/// The unit of work of a row.
public enum Unit: String, Codable, Sendable {
    /// A connection with one exchange, from connect to close.
    case connection
    /// A message and its answer.
    case request
    /// 10^9 bytes.
    case gigabyte
    /// An open session.
    case session

    /// How many units of the generator's count (bytes for `gigabyte`) make one unit.
    var size: Double { self == .gigabyte ? 1e9 : 1 }
    /// The heading of the throughput's column.
    public var rate: String {
        switch self {
        case .connection: "conn/s"
        case .request: "req/s"
        case .gigabyte: "GB/s"
        case .session: "sessions"
        }
    }
}

/// The cost that a row compares.
public enum Cost: String, Codable, Sendable {
    /// The subject's processor time per unit: in microseconds, or in milliseconds for a gigabyte.
    case processor
    /// The 99th percentile of the latency, in microseconds.
    case p99
    /// The memory per session in the subject and the kernel, in bytes.
    case memory

    /// The heading of the cost's column.
    public func heading(_ unit: Unit) -> String {
        switch self {
        case .processor: unit == .gigabyte ? "CPU ms/GB" : "CPU us/\(unit == .connection ? "conn" : "req")"
        case .p99: "p99 us"
        case .memory: "KB/session"
        }
    }

    /// How many of the cost's unit make one of the heading's unit: 1024 bytes for KB.
    public func scale(_ unit: Unit) -> Double { self == .memory ? 1024 : 1 }
}
