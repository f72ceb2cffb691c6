/// A row of the comparison: a kind of work, and the cost by which subjects are compared.
public struct Row: Sendable, Equatable {
    /// The row's name on the command line and in tables.
    public let name: String
    /// The work, in a few words.
    public let title: String
    /// The unit of work.
    public let unit: Unit
    /// The compared cost; less is better.
    public let cost: Cost
    /// The generator's instructions.
    public let plan: LoadPlan
    /// True when the row is part of the quick run.
    public let isQuick: Bool

    init(
        _ name: String, _ title: String, _ unit: Unit, _ plan: LoadPlan, cost: Cost = .processor, isQuick: Bool = false
    ) {
        self.name = name
        self.title = title
        self.unit = unit
        self.cost = cost
        self.plan = plan
        self.isQuick = isQuick
    }
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

extension Row {
    /// The number of sessions in the row that measures memory.
    static let idleSessions = 4000

    /// All rows. Memory comes first, because later the TIME_WAIT entries of short connections change the kernel's
    /// slabs.
    public static let all: [Row] = [idle] + shorts + pingPongs + bulks + disturbed + [openLoop]

    private static let idle = Row(
        "idle-memory", "\(Numbers.short(Double(idleSessions))) idle sessions", .session,
        LoadPlan(.idle, connections: idleSessions),
        cost: .memory, isQuick: true)

    private static let shorts: [Row] = [64, 1].map { count in
        Row(
            count == 64 ? "short-64B" : "short-64B-\(count)", "connect, 64 B echo, close; \(count) at once",
            .connection,
            LoadPlan(.short, connections: count), isQuick: count == 64)
    }

    private static let pingPongs: [Row] = [(64, "64B", "64 B"), (1024, "1KiB", "1 KiB"), (16384, "16KiB", "16 KiB")]
        .flatMap { bytes, size, text in
            [1, 64, 1000].map { count in
                Row(
                    "pingpong-\(size)-\(count)", "\(text) ping-pong, \(connections(count))", .request,
                    LoadPlan(.pingPong, connections: count, messageBytes: bytes),
                    isQuick: count == 64 && bytes != 1024)
            }
        }

    private static let bulks: [Row] = [LoadPlan.Work.down, .up, .both].flatMap { work in
        [1, 4].map { count in
            let title =
                switch work {
                case .down: "bulk download"
                case .up: "bulk upload"
                default: "bulk both ways"
                }
            return Row(
                "bulk-\(work.rawValue)-\(count)", "\(title), \(connections(count))", .gigabyte,
                LoadPlan(work, connections: count), isQuick: count == 4 && work != .up)
        }
    }

    private static let disturbed: [Row] = [
        Row(
            "slow-reader", "4 downloads beside a slow reader", .gigabyte,
            plan(.down, 4, beside: .slowReaders, 1)),
        Row(
            "beside-bulk", "64 B ping-pong, 16 connections, beside 4 bulk downloads", .request,
            plan(.pingPong, 16, beside: .downloads, 4), cost: .p99, isQuick: true),
        Row(
            "beside-storm", "64 B ping-pong, 16 connections, beside 64 short connections at once", .request,
            plan(.pingPong, 16, beside: .storm, 64), cost: .p99),
    ]

    private static let openLoop = Row(
        "open-loop", "64 B requests at a fixed rate, 64 connections", .request, LoadPlan(.openLoop, connections: 64),
        isQuick: true)

    private static func plan(
        _ work: LoadPlan.Work, _ connections: Int, beside disturbance: LoadPlan.Disturbance, _ count: Int
    ) -> LoadPlan {
        var plan = LoadPlan(work, connections: connections)
        plan.disturbance = disturbance
        plan.disturbers = count
        return plan
    }

    private static func connections(_ count: Int) -> String {
        count == 1 ? "1 connection" : "\(Numbers.short(Double(count))) connections"
    }

    /// The row of that name, or else all rows whose names begin with it.
    public static func named(_ name: String) -> [Row] {
        let exact = all.filter { $0.name == name }
        return exact.isEmpty && !name.isEmpty ? all.filter { $0.name.hasPrefix(name) } : exact
    }
}
