import AdministrationAPI
import Reactor

// Orders from the texts of wishes; a refusal names the part that means nothing, and what would have been right.
extension Order {
    /// What a wish asks of the loop with the duties; nil of one that is carried out otherwise.
    static func make(of wish: Wish, _ hooks: Inspector.Hooks) throws(Refusal) -> Order? {
        let (subject, action): (Subject, Action)
        switch wish {
        case .backendState(let pool, let backend, let wanted):
            (subject, action) = (.backend(pool: pool, name: backend), .state(try state(wanted)))
        case .backendSetting(let pool, let backend, let wanted):
            (subject, action) = (.backend(pool: pool, name: backend), try setting(wanted))
        case .addBackend(let pool, let backend):
            (subject, action) = (.pool(pool), .add(try hooks.backend(backend, pool).get()))
        case .removeBackend(let pool, let backend, _):
            (subject, action) = (.backend(pool: pool, name: backend), .remove)
        case .listenerState(let listener, let wanted):
            (subject, action) = (.listener(listener), .pause(try isPaused(wanted)))
        case .listenerSetting(let listener, let wanted):
            (subject, action) = (.listener(listener), .perClient(try perClient(wanted)))
        case .killSession, .killSessions, .reload: return nil
        }
        return Order(subject: subject, action: action, time: try time(wish.forSeconds))
    }

    private static func state(_ wanted: StateWish) throws(Refusal) -> TargetSteering.State {
        if let state = TargetSteering.State(rawValue: wanted.state) { return state }
        throw Refusal(
            error: "state '\(wanted.state)' of a backend: ready, drain, maintain, silent or refusing is needed",
            kind: .invalid)
    }

    private static func isPaused(_ wanted: StateWish) throws(Refusal) -> Bool {
        switch wanted.state {
        case "open": return false
        case "paused": return true
        default:
            throw Refusal(error: "state '\(wanted.state)' of a listener: open or paused is needed", kind: .invalid)
        }
    }

    private static func time(_ seconds: Double?) throws(Refusal) -> Duration? {
        guard let seconds else { return nil }
        guard (1...timeMax).contains(seconds) else {
            throw Refusal(error: "for \(seconds) s: 1 s to \(Int(timeMax)) s (a year) is needed", kind: .invalid)
        }
        return .milliseconds(Int64(seconds * 1000))
    }

    /// A year, in seconds.
    private static let timeMax: Double = 365 * 24 * 3600

    private static func setting(_ wanted: SettingWish) throws(Refusal) -> Action {
        switch (wanted.weight, wanted.sessionsMax) {
        case (let weight?, nil): return .weight(try self.weight(weight))
        case (nil, let most?): return .sessionsMax(try sessionsMax(most))
        case (nil, nil): throw Refusal(error: "of a backend: weight or sessions_max is needed", kind: .invalid)
        case (.some, .some): throw Refusal(error: "weight and sessions_max: one at a time", kind: .invalid)
        }
    }

    private static func weight(_ text: String) throws(Refusal) -> TargetSteering.Weight? {
        if text == configured { return nil }
        if text.hasSuffix("%"), let percent = Int32(text.dropLast()), (0...percentMax).contains(percent) {
            return .percent(percent)
        }
        if let count = Int32(text), (0...Limits.weightMax).contains(count) { return .count(count) }
        throw Refusal(
            error:
                "weight '\(text)': 0 to \(Limits.weightMax), a share as 50% (up to \(percentMax)%), or configured is needed",
            kind: .invalid)
    }

    private static func sessionsMax(_ text: String) throws(Refusal) -> TargetSteering.SessionsMax? {
        if text == configured { return nil }
        if text == "none" { return TargetSteering.SessionsMax.none }
        if let count = Int32(text), (1...Int32(Limits.sessionsCeiling)).contains(count) { return .count(count) }
        throw Refusal(
            error: "sessions_max '\(text)': 1 to \(Limits.sessionsCeiling), none or configured is needed",
            kind: .invalid)
    }

    private static func perClient(_ wanted: SettingWish) throws(Refusal) -> Int32? {
        guard let text = wanted.perClient else {
            throw Refusal(error: "of a listener: per_client is needed", kind: .invalid)
        }
        if text == configured { return nil }
        if let count = Int32(text), (1...Int32(Limits.sessionsCeiling)).contains(count) { return count }
        throw Refusal(
            error: "per_client '\(text)': 1 to \(Limits.sessionsCeiling), or configured is needed", kind: .invalid)
    }

    private static let configured = "configured"
    private static let percentMax: Int32 = 1000
}

extension Wish {
    /// For how long; nil for good.
    fileprivate var forSeconds: Double? {
        switch self {
        case .backendState(_, _, let wanted), .listenerState(_, let wanted): wanted.forSeconds
        case .backendSetting(_, _, let wanted), .listenerSetting(_, let wanted): wanted.forSeconds
        case .addBackend, .removeBackend, .killSession, .killSessions, .reload: nil
        }
    }

    /// It is only asked what would change.
    var isDryRun: Bool {
        switch self {
        case .backendState(_, _, let wanted): wanted.dryRun ?? false
        case .backendSetting(_, _, let wanted): wanted.dryRun ?? false
        case .addBackend(_, let backend): backend.dryRun ?? false
        case .removeBackend(_, _, let isDryRun): isDryRun
        case .listenerState(_, let wanted): wanted.dryRun ?? false
        case .listenerSetting(_, let wanted): wanted.dryRun ?? false
        case .killSession(_, let isDryRun): isDryRun
        case .killSessions(_, _, let isDryRun): isDryRun
        case .reload: false
        }
    }
}
