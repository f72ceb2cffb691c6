import AdministrationAPI

extension Status.Backend {
    /// An operator has taken it out.
    public var isTakenOut: Bool { state == "drain" || state == "maintain" }

    /// How much its state wants to be looked at; 0 for not at all.
    public var severity: Int {
        switch state {
        case "up", "unchecked": remarks.isEmpty ? 0 : 1
        case "drain", "maintain": 2
        case "unknown": 3
        case "ejected": 4
        default: 5
        }
    }

    /// What a person wants to know beside its state: remarks, who has set it, and why its state changed.
    public var note: String {
        var parts = remarks
        if isBackup { parts.append("backup") }
        if let override {
            let end = override.revertsSeconds.map { ", back in \(Figures.age($0))" } ?? ""
            parts.append("by \(override.by)\(end)")
        }
        if let cause, !isUsable, !isTakenOut { parts.append(cause) }
        return parts.joined(separator: ", ")
    }

    /// `12`, or `12/200` where there is a limit.
    public var load: String { sessionsMax.map { "\(sessions)/\($0)" } ?? "\(sessions)" }
}

extension Style {
    /// Of the state of a backend, listener, loop or process.
    public static func ofState(_ state: String) -> Style {
        switch state {
        case "up", "serving", "open", "running": .of(.green)
        case "drain", "maintain", "paused", "draining", "full": .of(.yellow)
        case "unknown", "starting": .of(.cyan)
        case "unchecked": .plain
        default: Style(colour: .red, isBold: true)
        }
    }
}
