/// All that a run has found out: what `--json` writes and `compare` reads.
public struct Report: Codable, Sendable {
    /// Where and how it was measured.
    public var setting: Setting
    /// What was compared, in the order of the tables.
    public var subjects: [SubjectInfo]
    /// What came of it.
    public var rows: [RowResult]

    /// The run's circumstances.
    public struct Setting: Codable, Equatable, Sendable {
        /// When it began, ISO 8601.
        public var date: String
        /// The processor's name.
        public var processor: String
        /// How many cores this program may use.
        public var cores: Int
        /// Memory of the machine in bytes.
        public var memoryBytes: Int
        /// The kernel's release.
        public var kernel: String
        /// TCP's congestion control.
        public var congestionControl: String
        /// In a network namespace of its own; else why not.
        public var namespace: String
        /// The commit of the sources, with `+` when they have changed since; empty when that is not known.
        public var commit: String
        /// The command line.
        public var command: String
        /// Rounds.
        public var rounds: Int
        /// The length of each measured window.
        public var seconds: Double
        /// Threads of each subject.
        public var threads: Int
        /// What ratios refer to.
        public var reference: String
        /// The subject and the generator share cores.
        public var coresAreShared: Bool
    }

    /// A subject as it was run.
    public struct SubjectInfo: Codable, Equatable, Sendable {
        /// Its name.
        public var name: String
        /// Its version; empty when it has none.
        public var version: String
        /// The command that started it; empty for none.
        public var command: String
    }

    /// A row's results.
    public struct RowResult: Codable, Sendable {
        /// The row's name.
        public var name: String
        /// What was done.
        public var title: String
        /// What was counted.
        public var unit: Unit
        /// What is compared.
        public var cost: Cost
        /// By subject: what each round came to, and what that says.
        public var subjects: [SubjectResult]
    }

    /// A subject's results in a row.
    public struct SubjectResult: Codable, Sendable {
        /// The subject's name.
        public var subject: String
        /// One sample for each round; fewer when the subject failed.
        public var samples: [Sample]
        /// Why it failed, if it did.
        public var failure: String?
        /// What the samples say.
        public var summary: Summary
    }
}
