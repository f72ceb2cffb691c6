/// The complete results of a run: the data that `--json` writes and `compare` reads.
public struct Report: Codable, Sendable {
    /// The machine and the settings of the run.
    public var setting: Setting
    /// The compared subjects, in the order of the tables.
    public var subjects: [SubjectInfo]
    /// The results by row.
    public var rows: [RowResult]

    /// The machine and the settings of a run.
    public struct Setting: Codable, Equatable, Sendable {
        /// When the run began, ISO 8601.
        public var date: String
        /// The processor's name.
        public var processor: String
        /// The number of cores that this program may use.
        public var cores: Int
        /// The machine's memory in bytes.
        public var memoryBytes: Int
        /// The kernel's release.
        public var kernel: String
        /// TCP's congestion control.
        public var congestionControl: String
        /// `own` if the run had its own network namespace; otherwise the reason why not.
        public var namespace: String
        /// The commit of the sources, with `+` when files differ from it; empty when it is not known.
        public var commit: String
        /// The command line.
        public var command: String
        /// The number of rounds.
        public var rounds: Int
        /// The length of each measured window in seconds.
        public var seconds: Double
        /// Threads of each subject.
        public var threads: Int
        /// The name of the subject that ratios refer to.
        public var reference: String
        /// True when the subject and the generator shared cores.
        public var coresAreShared: Bool
    }

    /// A subject and its version.
    public struct SubjectInfo: Codable, Equatable, Sendable {
        /// The subject's name.
        public var name: String
        /// The program's version; empty when there is no program.
        public var version: String
        /// The program and version as a text for the report, or the command of an additional subject.
        public var command: String
    }

    /// The results of a row.
    public struct RowResult: Codable, Sendable {
        /// The row's name.
        public var name: String
        /// The work, in a few words.
        public var title: String
        /// The unit of work.
        public var unit: Unit
        /// The compared cost.
        public var cost: Cost
        /// The results by subject.
        public var subjects: [SubjectResult]
    }

    /// A subject's results in a row.
    public struct SubjectResult: Codable, Sendable {
        /// The subject's name.
        public var subject: String
        /// One sample for each round; fewer when the subject failed.
        public var samples: [Sample]
        /// Why the subject failed, if it did.
        public var failure: String?
        /// The figures derived from the samples.
        public var summary: Summary
    }
}
