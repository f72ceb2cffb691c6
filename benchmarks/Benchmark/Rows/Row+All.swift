extension Row {
    /// The number of sessions in the row that measures memory.
    static let idleSessions = 4000

    /// All rows. Rates that an option sets are 1 here. Memory comes first, because later the TIME_WAIT entries of short connections change the kernel's
    /// slabs.
    public static let all: [Row] = [idle] + shorts + pingPongs + bulks + disturbed + crowded + [openLoop]

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
            (bytes == 64 ? [1, 16, 64, 1000] : [1, 64, 1000]).map { count in
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
            "beside-bulk", "64 B ping-pong, 16 connections, beside 4 downloads", .request,
            plan(.pingPong, 16, beside: .downloads, 4) { $0.downloadRate = 1 }, cost: .p99, isQuick: true),
        besideBulk(300), besideBulk(1000),
        Row(
            "beside-storm", "64 B ping-pong, 16 connections, beside short connections", .request,
            plan(.pingPong, 16, beside: .storm, 0) { $0.visitRate = 1 }, cost: .p99),
    ]

    /// Downloads of twice the rate of `beside-bulk`, in all, and new connections among them.
    private static func besideBulk(_ count: Int) -> Row {
        Row(
            "beside-bulk-\(count)",
            "64 B ping-pong, 16 connections, beside \(Numbers.short(Double(count))) downloads",
            .request,
            plan(.pingPong, 16, beside: .downloads, count) {
                $0.downloadRate = 1
                $0.visitRate = 100
            }, cost: .p99, secondsMin: 2)
    }

    /// Many backends, and many sessions.
    private static let crowded: [Row] = [
        Row(
            "probes", "64 B ping-pong, 16 connections; 1,000 backends, each probed every second", .request,
            LoadPlan(.pingPong, connections: 16), cost: .p99, backends: 1000, secondsMin: 1),
        Row(
            "thundering", "1,000 sessions with a 64 B answer each in the instant in which a stopped origin goes on",
            .request, LoadPlan(.herd, connections: 1000), cost: .p99, secondsMin: 0.5),
        Row(
            "many", "64 B ping-pong, 64 connections, among idle sessions", .request,
            plan(.pingPong, 64, beside: .idlers, 0), cost: .p99),
    ]

    private static let openLoop = Row(
        "open-loop", "64 B requests at a fixed rate, 64 connections", .request, LoadPlan(.openLoop, connections: 64),
        isQuick: true)

    private static func plan(
        _ work: LoadPlan.Work, _ connections: Int, beside disturbance: LoadPlan.Disturbance, _ count: Int,
        _ adjust: (inout LoadPlan) -> Void = { _ in }
    ) -> LoadPlan {
        var plan = LoadPlan(work, connections: connections)
        plan.disturbance = disturbance
        plan.disturbers = count
        adjust(&plan)
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
