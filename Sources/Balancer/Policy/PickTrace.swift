/// Which backends there were to choose from.
struct PickTrace: BitwiseCopyable {
    /// How many candidates are remembered.
    static let candidatesMax = 6

    /// A candidate as the policy saw it.
    struct Entry: BitwiseCopyable {
        var target: UInt32 = 0
        var sessions: Int32 = 0
        var weight: UInt16 = 0
        var verdict = PickVerdict.possible
    }

    private var entries = InlineArray<6, Entry>(repeating: Entry())
    private(set) var count: UInt8 = 0
    /// The policy looks at sessions, or there are limits: ``Entry/sessions`` mean something.
    private(set) var hasSessions = false
    /// How many candidates there were.
    private(set) var candidates: UInt16 = 0

    subscript(place: Int) -> Entry { entries[place] }

    /// Forgets the last pick: `candidates` follow.
    mutating func begin(of candidates: Int, hasSessions: Bool) {
        count = 0
        self.candidates = UInt16(clamping: candidates)
        self.hasSessions = hasSessions
    }

    mutating func add(_ candidate: borrowing Candidate, _ verdict: PickVerdict) {
        guard Int(count) < Self.candidatesMax else { return }
        entries[Int(count)] = Entry(
            target: candidate.id.rawValue, sessions: candidate.sessions, weight: UInt16(clamping: candidate.weight),
            verdict: verdict)
        count += 1
    }
}

/// What a pick made of a candidate.
enum PickVerdict: UInt8 {
    case picked
    /// It could have been picked.
    case possible
    /// It could have been, after all that are not suspect.
    case suspect
    /// It has failed the same session.
    case tried
    /// It has as many sessions as it may have.
    case full
    /// It gets nobody while others are up.
    case backup
    /// Its weight is 0: it is drained, or its agent wants that.
    case drain
    case down

    init(_ candidate: borrowing Candidate, isTried: Bool) {
        self =
            if candidate.isUp {
                isTried ? .tried : candidate.isFull ? .full : candidate.isSuspect ? .suspect : .possible
            } else {
                candidate.weight == 0 ? .drain : candidate.isBackup ? .backup : .down
            }
    }
}
