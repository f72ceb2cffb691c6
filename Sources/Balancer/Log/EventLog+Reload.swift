import Reactor

// What became of a new configuration, and of look-ups of discovered pools.
extension EventLog {
    mutating func reloaded(_ summary: ReloadSummary) {
        notice {
            $0.append("configuration taken over: ")
            guard !summary.isEmpty else { return $0.append("nothing has changed") }
            $0.append(summary.listeners, "listeners", isFirst: true)
            $0.append(summary.pools, "pools", isFirst: summary.listeners == .init())
            $0.append(
                summary.backends, "backends", isFirst: summary.listeners == .init() && summary.pools == .init())
        }
    }

    /// The reason may have several lines, each of which becomes one of the log.
    mutating func reloadRefused(_ reason: String) {
        notice { $0.append("the new configuration was not taken over, and nothing has changed:") }
        for line in reason.split(separator: "\n", omittingEmptySubsequences: true) {
            notice { $0.append(String(line)) }
        }
    }

    /// The reason may have several lines, each of which becomes one of the log.
    mutating func undiscovered(_ pool: String, _ reason: String) {
        let lines = reason.split(separator: "\n", omittingEmptySubsequences: true)
        notice {
            $0.appendPool(pool)
            $0.append("its backends stay as they are: ")
            $0.append(String(lines.first ?? ""))
        }
        for line in lines.dropFirst() { notice { $0.append(String(line)) } }
    }

    /// What the operator is to know of a discovered pool.
    mutating func remark(_ text: String, ofPool pool: String) {
        notice {
            $0.appendPool(pool)
            $0.append(text)
        }
    }

    mutating func listenerLost(_ error: SystemCallError) {
        notice {
            $0.append("a new listener does not work, and was closed: ")
            $0.append(error.description)
        }
    }
}

extension LineLog.Record {
    /// `listeners 1 added, 2 removed`; nothing where nothing has changed.
    fileprivate mutating func append(_ count: ReloadSummary.Count, _ what: StaticString, isFirst: Bool) {
        guard count != .init() else { return }
        append(isFirst ? "" : "; ")
        append(what)
        var isFirst = true
        for (number, verb) in [(count.added, " added"), (count.removed, " removed"), (count.changed, " changed")]
            as [(Int, StaticString)] where number > 0
        {
            append(isFirst ? " " : ", ")
            append(number)
            append(verb)
            isFirst = false
        }
    }
}
