import Reactor

// What became of a new configuration, and of look-ups of discovered pools.
extension EventLog {
    mutating func reloaded(_ summary: ReloadSummary) {
        event(.processReloaded) {
            $0.words("configuration taken over: ")
            guard !summary.isEmpty else { return $0.words("nothing has changed") }
            var isFirst = true
            for (count, added, removed, changed) in [
                (summary.listeners, "listeners added: ", "listeners removed: ", "listeners changed: "),
                (summary.pools, "pools added: ", "pools removed: ", "pools changed: "),
                (summary.backends, "backends added: ", "backends removed: ", "backends changed: "),
            ] as [(ReloadSummary.Count, StaticString, StaticString, StaticString)] {
                for (number, words) in [(count.added, added), (count.removed, removed), (count.changed, changed)]
                where number > 0 {
                    if !isFirst { $0.words(", ") }
                    isFirst = false
                    $0.words(words)
                    $0.number(number)
                }
            }
            // The limit on sessions, unless it was given, follows from the number of backends: not worth a word beside those.
            if isFirst { $0.words("settings of the process") }
        }
    }

    /// The reason may have several lines, each of which becomes one of the log.
    mutating func reloadRefused(_ reason: String) {
        event(.processReloadRefused) {
            $0.words("the new configuration was not taken over, and nothing has changed")
        }
        for line in reason.split(separator: "\n", omittingEmptySubsequences: true) {
            event(.processReloadRefused) { $0.value("reason", String(line)) }
        }
    }

    /// The reason may have several lines, each of which becomes one of the log.
    mutating func undiscovered(_ pool: String, _ reason: String) {
        let lines = reason.split(separator: "\n", omittingEmptySubsequences: true)
        event(.poolUndiscovered) {
            $0.about(PoolTitle(name: pool, isOnly: false))
            $0.words("its backends stay as they are: ")
            $0.value("reason", String(lines.first ?? ""))
        }
        for line in lines.dropFirst() {
            event(.poolUndiscovered) {
                $0.about(PoolTitle(name: pool, isOnly: false))
                $0.value("reason", String(line))
            }
        }
    }

    /// A discovered pool has other backends.
    mutating func discovered(_ pool: String, added: Int, removed: Int, now count: Int) {
        event(.poolDiscovered) {
            $0.about(PoolTitle(name: pool, isOnly: false))
            $0.words("backends added: ")
            $0.value("added", added)
            $0.words(", removed: ")
            $0.value("removed", removed)
            $0.words(", now: ")
            $0.value("backends", count)
        }
    }

    /// What the operator is to know of a discovered pool.
    mutating func remark(_ text: String, ofPool pool: String) {
        event(.poolDiscovered) {
            $0.about(PoolTitle(name: pool, isOnly: false))
            $0.value("remark", text)
        }
    }

    mutating func listenerLost(_ error: SystemCallError) {
        event(.listenerLost) {
            $0.words("a new listener does not work, and was closed: ")
            $0.value("cause", error.description)
        }
    }
}
