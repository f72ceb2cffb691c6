import AdministrationAPI
import Reactor

/// The last events of the process, for administration: whatever level the log has, and wherever it goes.
///
/// Events are rare, so a lock suffices; nobody formats anything while it is held but the loop that has an event.
public final class EventRecorder: Sendable {
    private let lock = Lock()
    private let clock: WallClock
    /// Accessed only with the lock held, but for `losses`, which its only writer looks at without it.
    nonisolated(unsafe) private var ring: [EventRow] = []
    nonisolated(unsafe) private var last: UInt64 = 0
    nonisolated(unsafe) private var histories: [BackendKey: BackendHistory] = [:]
    nonisolated(unsafe) private var wasReloaded = true
    nonisolated(unsafe) private var losses = Losses()
    nonisolated(unsafe) private var listener: (@Sendable () -> Void)?

    /// How many events are kept.
    public static let countMax = 1024
    /// How many backends' histories are kept: those that have left with reloads are forgotten all at once.
    private static let historiesMax = 2 * Limits.backendsMax

    /// A backend by its names.
    struct BackendKey: Hashable {
        let pool: String
        let backend: String
    }

    /// What has happened to a backend.
    struct BackendHistory {
        /// How often its state has changed.
        var changes: UInt64 = 0
        /// When it did last: wall clock, in nanoseconds.
        var time: UInt64 = 0
        /// What was said of it then.
        var cause = ""
        /// Why a check has failed that did not change its state: of one that was never up it is all there is.
        var failing: String?
    }

    /// No events.
    public init(clock: WallClock = .system) {
        self.clock = clock
    }

    /// Lines that the log's destinations have not taken.
    struct Losses {
        /// Since the start.
        var lines = 0
        /// When there were more last: CLOCK_MONOTONIC.
        var last: Instant?
    }

    /// The lines that the log has lost.
    var lostLines: Losses {
        lock.lock()
        defer { lock.unlock() }
        return unsafe losses
    }

    /// The log has lost so many lines since the start.
    func note(lostLines lines: Int) {
        // Only the holder of the log's lock calls: nobody else writes it meanwhile.
        guard unsafe lines != losses.lines else { return }
        lock.lock()
        defer { lock.unlock() }
        unsafe losses = Losses(lines: lines, last: Clock.monotonic.now())
    }

    /// The last events after this number, the oldest first.
    public func events(after number: UInt64) -> [EventRow] {
        lock.lock()
        defer { lock.unlock() }
        guard let first = unsafe ring.firstIndex(where: { $0.number > number }) else { return [] }
        return unsafe Array(ring[first...])
    }

    /// Calls `body` at each new event, on the thread of the loop that has it: it must not wait.
    public func whenEvent(_ body: @escaping @Sendable () -> Void) {
        lock.lock()
        defer { lock.unlock() }
        unsafe listener = body
    }

    /// The last reload was taken over, or there was none.
    var wasLastReloadTakenOver: Bool {
        lock.lock()
        defer { lock.unlock() }
        return unsafe wasReloaded
    }

    /// What has happened to all backends.
    func backendHistories() -> [BackendKey: BackendHistory] {
        lock.lock()
        defer { lock.unlock() }
        return unsafe histories
    }

    func add(_ event: LogEvent) {
        let now = clock.nanoseconds()
        var row = EventRow(
            number: 0, time: Timestamp(nanoseconds: now).description, level: event.kind.level.rawValue,
            event: event.kind.rawValue, fields: event.namedValues, message: event.words)
        lock.lock()
        unsafe last += 1
        row.number = unsafe last
        if unsafe ring.count == Self.countMax { unsafe ring.removeFirst(Self.countMax / 4) }
        unsafe ring.append(row)
        note(event.kind, row, now)
        let listener = unsafe listener
        lock.unlock()
        listener?()
    }

    /// Only with the lock held.
    private func note(_ kind: EventKind, _ row: EventRow, _ now: UInt64) {
        switch kind {
        case .processReloaded: unsafe wasReloaded = true
        case .processReloadRefused: unsafe wasReloaded = false
        case .backendFailing:
            guard let key = Self.key(row) else { return }
            makeRoom(for: key)
            unsafe histories[key, default: BackendHistory()].failing = row.fields["cause"]
        case .backendUp, .backendDown, .backendEjected, .backendReturned, .backendSteered:
            guard let key = Self.key(row) else { return }
            // A weight or a limit is no state.
            if kind == .backendSteered, row.fields["setting"] != "state" { return }
            makeRoom(for: key)
            unsafe histories[key, default: BackendHistory()].changes += 1
            unsafe histories[key]?.time = now
            unsafe histories[key]?.cause = row.fields["cause"] ?? row.message
        default: break
        }
    }

    private static func key(_ row: EventRow) -> BackendKey? {
        guard let pool = row.fields["pool"], let backend = row.fields["backend"] else { return nil }
        return BackendKey(pool: pool, backend: backend)
    }

    /// Only with the lock held.
    private func makeRoom(for key: BackendKey) {
        if unsafe histories[key] == nil, unsafe histories.count >= Self.historiesMax { unsafe histories = [:] }
    }
}

extension Timestamp: CustomStringConvertible {
    /// `2026-11-25T10:00:03.120Z`
    var description: String {
        let bytes = text
        return String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
    }
}

extension LogEvent {
    /// Its fields and values as text.
    var namedValues: [String: String] {
        var values: [String: String] = [:]
        for (name, value) in fields { values["\(name)"] = value.text }
        for part in parts {
            if case .value(let name, let value) = part { values["\(name)"] = value.text }
            if case .detail(let name, let value) = part { values["\(name)"] = value.text }
        }
        return values
    }

    /// What is said of it.
    var words: String {
        var words = ""
        for part in parts {
            switch part {
            case .words(let text): words += "\(text)"
            case .remedy(_, let file): words += "\(file)"
            case .value(_, let value): words += value.text
            case .number(let number): words += "\(number)"
            case .pool, .detail: break
            }
        }
        return words
    }
}

extension LogEvent.Value {
    fileprivate var text: String {
        switch self {
        case .text(let text): text
        case .number(let number): "\(number)"
        case .address(let address): address.description
        case .seconds(let duration):
            "\(duration.wholeNanoseconds / 1_000_000_000) s"
        }
    }
}
