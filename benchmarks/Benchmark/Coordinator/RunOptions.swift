/// The settings of a run, already checked.
public struct RunOptions: Sendable {
    /// The rows, in the order in which they run.
    public var rows: [Row]
    /// The subjects to compare.
    public var subjects: [Subject]
    /// The name of the subject that ratios refer to.
    public var reference: String
    /// How often each subject is measured in each row.
    public var rounds: Int
    /// The length of a measured window in seconds.
    public var seconds: Double
    /// How long a row runs before its measured window begins, in seconds.
    public var warmUp: Double
    /// Threads of each subject.
    public var threads: Int
    /// Requests per second of the open loop.
    public var rate: Double
    /// The rate of each download of the row beside-bulk, in 10^6 bytes per second; hundreds of downloads have twice
    /// as much in all.
    public var downloadRate: Double
    /// Short connections per second of the row beside-storm.
    public var stormRate: Double
    /// Paths of programs by name; other programs are searched for on PATH.
    public var programs: [String: String]
    /// The command line, for the report.
    public var command: String

    /// Makes the settings of a run.
    public init(
        rows: [Row], subjects: [Subject], reference: String = "ours", rounds: Int = 3, seconds: Double = 1,
        warmUp: Double = 0.2, threads: Int = 1, rate: Double = 10_000,
        downloadRate: Double = 150, stormRate: Double = 4000, programs: [String: String] = [:], command: String = ""
    ) {
        self.rows = rows
        self.subjects = subjects
        self.reference = reference
        self.rounds = rounds
        self.seconds = seconds
        self.warmUp = warmUp
        self.threads = threads
        self.rate = rate
        self.downloadRate = downloadRate
        self.stormRate = stormRate
        self.programs = programs
        self.command = command
    }
}

/// Why a run ended early.
public enum RunError: Error, CustomStringConvertible {
    /// The signal with this number arrived.
    case interrupted(Int32)
    /// Something that every row needs is missing; the text names it and the remedy.
    case unavailable(String)
    /// A system call of the set-up failed.
    case failed(SystemFailure)

    /// The description of a failed system call.
    public struct SystemFailure: Sendable, CustomStringConvertible {
        /// The call, its subject and the error.
        public let description: String
    }

    /// The reason as a line for the operator.
    public var description: String {
        switch self {
        case .interrupted(let signal): "ended by signal \(signal)"
        case .unavailable(let what): what
        case .failed(let failure): failure.description
        }
    }
}
