import AdministrationAPI

/// What a key, or a new status, asks of the program.
public enum TopAction: Hashable, Sendable {
    /// To end.
    case quit
    /// To stop, until the shell continues it: Ctrl-Z.
    case suspend
    /// To write every row again: Ctrl-L.
    case redraw
    /// To ask the balancer something.
    case ask(TopQuestion)
}

/// A wish about a backend.
public struct TopChange: Hashable, Sendable {
    /// Which.
    public let backend: BackendReference
    /// `drain`, `maintain` or `ready`.
    public let state: String

    /// This wish about this backend.
    public init(backend: BackendReference, state: String) {
        self.backend = backend
        self.state = state
    }
}

/// What the balancer is asked.
public enum TopQuestion: Hashable, Sendable {
    /// The sessions of a backend, at most ``TopModel/sessionsMax``.
    case sessions(BackendReference)
    /// What happened to the session with this id.
    case story(String)
    /// Another state of a backend; first what would change.
    case change(TopChange, isDryRun: Bool)
}

/// What the balancer answers to a ``TopQuestion``.
public enum TopAnswer: Sendable {
    /// The sessions of a backend.
    case sessions(BackendReference, Result<SessionList, TopFault>)
    /// What happened to the session with this id.
    case story(String, Result<SessionStory, TopFault>)
    /// What has changed, or would.
    case change(TopChange, Result<Change, TopFault>)
}

/// Why there is no answer, and what to do about it, in one line.
public struct TopFault: Error, Hashable, Sendable {
    /// The line.
    public let text: String

    /// A fault with its remedy.
    public init(_ text: String) {
        self.text = text
    }
}

extension Change {
    /// `backend web/b2: up -> drain, 12 sessions go on, goes back in 10m`.
    ///
    /// - Parameter fate: What becomes of the sessions that it concerns: `go on`, `end`; nil where nothing does.
    public func sentence(fate: String? = nil) -> String {
        var parts: [String] = []
        switch (old, new) {
        case (let old?, let new?): parts.append(old == new ? "stays \(new)" : "\(old) -> \(new)")
        case (nil, let new?): parts.append("new, \(new)")
        case (let old?, nil): parts.append("\(old) -> gone")
        case (nil, nil): break
        }
        if let fate, sessions > 0 || parts.isEmpty {
            parts.append("\(Figures.grouped(sessions)) \(sessions == 1 ? "session" : "sessions") \(fate)")
        }
        if let revertsSeconds { parts.append("goes back in \(Figures.age(revertsSeconds))") }
        return parts.isEmpty ? subject : "\(subject): \(parts.joined(separator: ", "))"
    }
}
