/// Every event that the log may have: a new one is a case here, with its level, a call of ``EventLog/event(_:_:)`` where it
/// happens, and a row of docs/log.md, which a test compares.
///
/// The first word of a name is what the event is about. In modes of the one-line command an event is the line `balancer: `
/// and its words, unless its level is `debug`.
enum EventKind: String, CaseIterable, Sendable {
    case backendUp = "backend-up"
    case backendDown = "backend-down"
    case backendFailing = "backend-failing"
    case backendRecovered = "backend-recovered"
    case backendEjected = "backend-ejected"
    case backendReturned = "backend-returned"
    case backendRising = "backend-rising"
    case backendCheck = "backend-check"
    case backendUncheckable = "backend-uncheckable"
    case backendAgent = "backend-agent"
    case backendAgentUnknown = "backend-agent-unknown"
    case backendAgentSilent = "backend-agent-silent"
    case backendAgentHeard = "backend-agent-heard"
    case backendSteered = "backend-steered"
    case backendAdded = "backend-added"
    case backendRemoved = "backend-removed"
    case backendMoved = "backend-moved"
    case backendNameLost = "backend-name-lost"
    case backendNameFound = "backend-name-found"
    case backendUnspecified = "backend-unspecified"
    case poolNoBackend = "pool-no-backend"
    case poolServesAgain = "pool-serves-again"
    case poolFull = "pool-full"
    case poolHasRoom = "pool-has-room"
    case poolQueueFull = "pool-queue-full"
    case poolQueueHasRoom = "pool-queue-has-room"
    case poolWaiting = "pool-waiting"
    case poolWaitsNoMore = "pool-waits-no-more"
    case poolPanic = "pool-panic"
    case poolPanicOver = "pool-panic-over"
    case poolRemoved = "pool-removed"
    case poolDiscovered = "pool-discovered"
    case poolUndiscovered = "pool-undiscovered"
    case listenerOpened = "listener-opened"
    case listenerFull = "listener-full"
    case listenerHasRoom = "listener-has-room"
    case listenerSteered = "listener-steered"
    case listenerLost = "listener-lost"
    case listenerDenies = "listener-denies"
    case listenerDeniesOver = "listener-denies-over"
    case listenerOverLimit = "listener-over-limit"
    case listenerOverLimitOver = "listener-over-limit-over"
    case listenerHeaderWrong = "listener-header-wrong"
    case listenerHeaderWrongOver = "listener-header-wrong-over"
    case listenerNameWrong = "listener-name-wrong"
    case listenerNameWrongOver = "listener-name-wrong-over"
    case listenerRate = "listener-rate"
    case listenerRateOver = "listener-rate-over"
    case processStarted = "process-started"
    case processFewDescriptors = "process-few-descriptors"
    case processLittleMemory = "process-little-memory"
    case processFull = "process-full"
    case processHasRoom = "process-has-room"
    case processCannotAccept = "process-cannot-accept"
    case processAcceptsAgain = "process-accepts-again"
    case processCannotConnect = "process-cannot-connect"
    case processConnectsAgain = "process-connects-again"
    case processChecksFrozen = "process-checks-frozen"
    case processChecksThawed = "process-checks-thawed"
    case processSignal = "process-signal"
    case processLooksUp = "process-looks-up"
    case processReloaded = "process-reloaded"
    case processReloadRefused = "process-reload-refused"
    case processReloadAsked = "process-reload-asked"
    case processKilled = "process-sessions-killed"
    case processReachable = "process-reachable"
    case processDraining = "process-draining"
    case processStopped = "process-stopped"
    case logReopened = "log-reopened"
    case logFailed = "log-failed"
    case logLinesLost = "log-lines-lost"

    var level: LogLevel {
        switch self {
        case .poolNoBackend, .processChecksFrozen, .processCannotAccept, .processCannotConnect, .logFailed,
            .backendUncheckable,
            .processReloadRefused, .listenerLost:
            .error
        case .backendDown, .backendEjected, .backendAgentUnknown, .backendNameLost, .poolFull, .poolQueueFull,
            .poolPanic, .backendAgentSilent,
            .listenerFull, .listenerDenies, .listenerOverLimit, .listenerHeaderWrong, .listenerNameWrong, .listenerRate,
            .processReachable, .processFull, .processFewDescriptors, .processLittleMemory, .logLinesLost,
            .poolUndiscovered:
            .warning
        case .backendUp, .backendReturned, .backendAgent, .backendFailing, .backendRecovered, .backendRising,
            .backendMoved,
            .backendNameFound,
            .backendUnspecified, .poolServesAgain, .poolHasRoom, .poolQueueHasRoom, .poolWaiting, .poolWaitsNoMore,
            .poolPanicOver, .backendAgentHeard,
            .backendSteered, .backendAdded, .backendRemoved, .listenerSteered, .processReloadAsked, .processKilled,
            .poolRemoved, .listenerOpened, .listenerHasRoom, .listenerDeniesOver, .listenerOverLimitOver,
            .listenerHeaderWrongOver, .listenerNameWrongOver, .listenerRateOver, .processStarted,
            .processHasRoom, .processChecksThawed, .processAcceptsAgain, .processConnectsAgain, .processSignal,
            .processLooksUp,
            .processDraining, .processStopped, .logReopened, .poolDiscovered, .processReloaded:
            .info
        case .backendCheck: .debug
        }
    }

    /// What it is about: `backend`, `pool`, `listener`, `process` or `log`.
    var subject: Substring { rawValue.prefix { $0 != "-" } }
}
