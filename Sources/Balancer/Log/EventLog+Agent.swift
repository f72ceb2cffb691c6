// What agents beside backends have said.
extension EventLog {
    /// It has said something new of its backend.
    mutating func agentSaid(_ line: String, _ standing: AgentStanding, _ facts: BackendFacts) {
        event(.backendAgent) {
            $0.about(facts)
            $0.words("its agent says '")
            $0.value("said", line)
            $0.words("': ")
            $0.words(standing.isDown ? "down" : "up")
            $0.words(standing.isAway ? ", no new clients, " : ", ")
            $0.value("percent", Int(standing.percent))
            $0.words("% of its weight")
            if let most = standing.sessionsMax, most < .max {
                $0.words(", sessions at most: ")
                $0.number(Int(most))
            }
            $0.detail("state", .text(standing.isDown ? "down" : standing.isAway ? "drain" : "up"))
            if let most = standing.sessionsMax {
                $0.detail("sessions_max", .number(most == .max ? 0 : UInt64(most)))
            }
        }
    }

    /// It does not answer any more, or never has.
    mutating func agentSilent(_ reason: String, _ facts: BackendFacts) {
        event(.backendAgentSilent) {
            $0.about(facts)
            $0.words("its agent says nothing, what it said before holds: ")
            $0.value("cause", reason)
        }
    }

    /// It answers again.
    mutating func agentHeard(_ facts: BackendFacts) {
        event(.backendAgentHeard) {
            $0.about(facts)
            $0.words("its agent is heard again")
        }
    }

    /// It has said a word that means nothing; said once.
    mutating func agentSaidUnknown(_ word: String, _ facts: BackendFacts) {
        event(.backendAgentUnknown) {
            $0.about(facts)
            $0.words("its agent says '")
            $0.value("word", word)
            $0.words("', which means nothing: it is passed over, now and later")
        }
    }
}
