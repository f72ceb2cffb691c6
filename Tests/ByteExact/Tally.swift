import Glibc

/// What a run has counted.
struct Tally: CustomStringConvertible {
    /// After so many failures of one kind of session, more of that kind show nothing new.
    private static let failuresMax = 10

    var sessions = [Int](repeating: 0, count: Script.Kind.allCases.count)
    /// Bytes that were compared.
    var bytes = 0
    /// Failures by kind of session.
    private var failed = [Int](repeating: 0, count: Script.Kind.allCases.count)
    var isSubjectGone = false
    /// Directions of which a part was lost because the side that sent had cut the session off, by how they ended.
    private var cut = (fin: 0, reset: 0)

    mutating func note(_ session: Session, _ verdict: Verdict) {
        sessions[session.script.kind.rawValue] += 1
        cut.fin += verdict.cut.count { $0 == .fin }
        cut.reset += verdict.cut.count { $0 == .reset }
    }

    /// Prints a failure and counts it.
    mutating func note(failure text: String, _ kind: Script.Kind) {
        failed[kind.rawValue] += 1
        say("FAILED \(text)")
    }

    /// No more sessions of this kind are begun.
    func isGivenUp(_ kind: Script.Kind) -> Bool { failed[kind.rawValue] >= Self.failuresMax }

    var failures: Int { failed.reduce(0, +) }

    var description: String {
        let kinds = zip(Script.Kind.allCases, sessions).map { "\($1) \($0)" }.joined(separator: ", ")
        return "\(sessions.reduce(0, +)) sessions (\(kinds)), \(bytes / 1_000_000) MB compared, "
            + "streams cut short: \(cut.fin) ended with FIN, \(cut.reset) with RST; \(failures) failed"
    }
}

/// Prints lines at once, also to a pipe.
func say(_ text: String) {
    print(text)
    fflush(nil)
}
