import AdministrationAPI
import Top

/// What was changed, or would be, in words.
enum ChangeText {
    /// `backend web/b2: up -> drain, 12 sessions go on`, and a line for each remark.
    ///
    /// - Parameter fate: What becomes of the sessions that it concerns: `go on`, `end`; nil where nothing does.
    static func lines(_ change: Change, fate: String?) -> [String] {
        let text = (change.isDryRun ? "dry run: " : "") + change.sentence(fate: fate)
        return [text] + change.remarks.map { "  \($0)" }
    }

    /// How it goes on with the sessions of a backend: of one, `goes on`.
    static func goesOn(_ change: Change) -> String {
        change.isDryRun ? "would go on" : change.sessions == 1 ? "goes on" : "go on"
    }

    /// Likewise of those that are ended.
    static func ends(_ change: Change) -> String {
        change.isDryRun ? "would end" : change.sessions == 1 ? "ends" : "end"
    }
}
