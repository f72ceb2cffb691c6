import AdministrationAPI
import Reactor

// What operators have changed, and who.
extension EventLog {
    mutating func steered(
        _ backend: BackendFacts, setting: String, _ change: Change, by asker: String
    ) {
        event(.backendSteered) {
            $0.about(backend)
            $0.detail("setting", .text(setting))
            Self.describe(change, by: asker, &$0)
        }
    }

    mutating func steered(listener: String, _ change: Change, by asker: String) {
        event(.listenerSteered) {
            $0.field("listener", listener)
            Self.describe(change, by: asker, &$0)
        }
    }

    private static func describe(_ change: Change, by asker: String, _ event: inout LogEvent) {
        event.value("old", change.old ?? "-")
        event.words(" -> ")
        event.value("new", change.new ?? "-")
        if let seconds = change.revertsSeconds {
            event.words(", for ")
            event.value("for", .seconds(.seconds(seconds)))
        }
        event.words(", by ")
        event.value("by", asker)
        event.words("; sessions: ")
        event.value("sessions", change.sessions)
    }

    mutating func added(_ backend: Configuration.Backend, to pool: String, by asker: String) {
        event(.backendAdded) {
            $0.about(BackendFacts(pool: pool, name: backend.title, address: backend.address))
            $0.words("added, by ")
            $0.value("by", asker)
        }
    }

    mutating func removed(_ backend: BackendFacts, by asker: String) {
        event(.backendRemoved) {
            $0.about(backend)
            $0.words("removed, by ")
            $0.value("by", asker)
            $0.words("; sessions: ")
            $0.value("sessions", .number(backend.sessions))
        }
    }

    mutating func reverted(_ backend: BackendFacts, setting: String, _ state: String) {
        event(.backendSteered) {
            $0.about(backend)
            $0.detail("setting", .text(setting))
            $0.words("its time is over: ")
            $0.value("new", state)
        }
    }

    mutating func reverted(listener: String, _ state: String) {
        event(.listenerSteered) {
            $0.field("listener", listener)
            $0.words("its time is over: ")
            $0.value("new", state)
        }
    }

    /// Sessions were ended by an operator.
    mutating func killed(_ count: Int, _ subject: String, by asker: String) {
        event(.processKilled) {
            $0.words("ended: ")
            $0.value("subject", subject)
            $0.words(", ")
            $0.value("sessions", count)
            $0.words(count == 1 ? " session, by " : " sessions, by ")
            $0.value("by", asker)
        }
    }

    /// Somebody wants the configuration to be read again.
    mutating func reloadAsked(by asker: String) {
        event(.processReloadAsked) {
            $0.words("the configuration is read again, by ")
            $0.value("by", asker)
        }
    }

    /// Administration can be reached from other machines.
    public mutating func reachable(at address: SocketAddress) {
        event(.processReachable) {
            $0.words("administration is reachable from elsewhere at ")
            $0.value("address", .address(address))
            $0.words(": everybody who can connect may read it; changes need the token")
        }
    }
}
