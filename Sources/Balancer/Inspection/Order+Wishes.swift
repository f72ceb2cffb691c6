import AdministrationAPI
import Reactor

// Orders from the texts of wishes; a refusal names the part that means nothing, and what would have been right.
extension Order {
    /// What a wish asks for: one order.
    static func all(of wish: Wish, _ hooks: Inspector.Hooks) throws(Refusal) -> [Order] {
        switch wish {
        case .backendState(let pool, let backend, let wanted):
            guard let state = TargetSteering.State(rawValue: wanted.state) else {
                throw Refusal(
                    error: "state '\(wanted.state)' of a backend: ready, drain, maintain, silent or refusing is needed",
                    kind: .invalid)
            }
            return [
                Order(
                    subject: .backend(pool: pool, name: backend), action: .state(state),
                    time: try time(wanted.forSeconds))
            ]
        case .backendSetting(let pool, let backend, let wanted):
            return [
                Order(
                    subject: .backend(pool: pool, name: backend), action: try setting(wanted),
                    time: try time(wanted.forSeconds))
            ]
        case .addBackend(let pool, let backend):
            switch hooks.backend(backend) {
            case .success(let backend): return [Order(subject: .pool(pool), action: .add(backend))]
            case .failure(let refusal): throw refusal
            }
        case .removeBackend(let pool, let backend, _):
            return [Order(subject: .backend(pool: pool, name: backend), action: .remove)]
        case .listenerState(let listener, let wanted):
            guard ["open", "paused"].contains(wanted.state) else {
                throw Refusal(error: "state '\(wanted.state)' of a listener: open or paused is needed", kind: .invalid)
            }
            return [
                Order(
                    subject: .listener(listener), action: .pause(wanted.state == "paused"),
                    time: try time(wanted.forSeconds))
            ]
        case .listenerSetting(let listener, let wanted):
            return [
                Order(
                    subject: .listener(listener), action: .perClient(try perClient(wanted)),
                    time: try time(wanted.forSeconds))
            ]
        case .killSession, .killSessions, .reload:
            return []
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
