// What entries of a roster are called, for those who ask and for events.
extension TargetEntry {
    /// What becomes of new clients, in one word: see `Status.Backend.state`.
    var stateWord: String {
        if let steering, steering.state != .ready { return steering.state.rawValue }
        if isEjected { return "ejected" }
        if isUnchecked { return "unchecked" }
        return isProven ? "up" : isUntested ? "unknown" : "down"
    }

    /// What else is to be said: see `Status.Backend.remarks`.
    var remarks: [String] {
        var remarks: [String] = []
        if let steering, steering.state != .ready, isChecked, !isUp { remarks.append("checks-fail") }
        if agent.isDown { remarks.append("agent-down") }
        if agent.isSilent { remarks.append("agent-silent") }
        if let share = agent.shareTold { remarks.append(share == 0 ? "draining" : "agent-\(share)%") }
        if weightNow == 0, steering?.keepsClientsAway != true, agent.shareTold != 0 { remarks.append("draining") }
        if steeredPercent != 100 { remarks.append("weight-\(steeredPercent)%") }
        guard isEligible || isUntested else { return remarks }
        if counters.isSuspect { remarks.append("suspect") }
        if counters.percent < SlowStart.percentMax { remarks.append("slow-start-\(counters.percent)%") }
        if let most = sessionsMaxNow, counters.sessions >= Int(most) { remarks.append("full") }
        return remarks
    }
}

extension ListenerEntry {
    /// Sessions that came in by its name.
    var sessions: Int {
        let ended = EndReason.allCases.reduce(0) { $0 &+ counters[$1.counter] }
        let came = counters[.accepted]
        return came > ended ? Int(truncatingIfNeeded: came - ended) : 0
    }
}
