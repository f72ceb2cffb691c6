import Reactor

/// What an operator wants changed while the balancer runs, with all texts read already.
public struct Order: Sendable {
    /// What it is about.
    enum Subject: Sendable {
        case backend(pool: String, name: String)
        case pool(String)
        case listener(String)
    }

    /// What is to become of it.
    enum Action: Sendable {
        case state(TargetSteering.State)
        /// Nil for what is configured.
        case weight(TargetSteering.Weight?)
        /// Nil for what is configured.
        case sessionsMax(TargetSteering.SessionsMax?)
        case add(Configuration.Backend)
        case remove
        case pause(Bool)
        /// The most sessions of one client; nil for what is configured.
        case perClient(Int32?)
    }

    let subject: Subject
    let action: Action
    /// It goes back by itself after this time; nil for never.
    var time: Duration?
}
