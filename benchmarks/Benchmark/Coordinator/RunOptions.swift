/// What a run is to do, checked.
public struct RunOptions: Sendable {
    /// The rows, in the order in which they run.
    public var rows: [Row]
    /// The subjects.
    public var subjects: [Subject]
    /// What ratios refer to.
    public var reference: String
    /// How often each subject takes each row.
    public var rounds: Int
    /// The length of a measured window.
    public var seconds: Double
    /// How long each row is worked before.
    public var warmUp: Double
    /// Threads of each subject.
    public var threads: Int
    /// Arrivals per second of the open loop.
    public var rate: Double
    /// Where programs are, by their names; others are looked for.
    public var programs: [String: String]
    /// The command line, for the report.
    public var command: String

    /// A run of these rows and subjects.
    public init(
        rows: [Row], subjects: [Subject], reference: String = "ours", rounds: Int = 3, seconds: Double = 1,
        warmUp: Double = 0.2, threads: Int = 1, rate: Double = 10_000, programs: [String: String] = [:],
        command: String = ""
    ) {
        self.rows = rows
        self.subjects = subjects
        self.reference = reference
        self.rounds = rounds
        self.seconds = seconds
        self.warmUp = warmUp
        self.threads = threads
        self.rate = rate
        self.programs = programs
        self.command = command
    }
}

/// Why a run ended before it was done.
public enum RunError: Error, CustomStringConvertible {
    /// A signal asked for it; its number.
    case interrupted(Int32)
    /// Something that every row needs is missing; what, and what helps.
    case unavailable(String)
    /// A system call of the set-up failed.
    case failed(SystemFailure)

    /// A failed call, in words.
    public struct SystemFailure: Sendable, CustomStringConvertible {
        /// The words.
        public let description: String
    }

    /// For people.
    public var description: String {
        switch self {
        case .interrupted(let signal): "ended by signal \(signal)"
        case .unavailable(let what): what
        case .failed(let failure): failure.description
        }
    }
}
