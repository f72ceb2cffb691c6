import AdministrationAPI

/// What `balancer top` knows and shows: statuses, answers and keys go in, a ``Screen`` and ``TopAction``s come out.
/// Pure.
public struct TopModel: Sendable {
    /// What is looked at.
    public enum View: Hashable, Sendable {
        /// The table of backends, listeners and events.
        case backends
        /// One backend.
        case backend(BackendReference)
        /// The sessions of one backend.
        case sessions(BackendReference)
        /// What happened to one session of a backend.
        case story(String, of: BackendReference)
        /// The keys.
        case help
    }

    /// Whether the figures are of now.
    public enum Connection: Hashable, Sendable {
        /// No status has come yet.
        case waiting
        /// They are.
        case live
        /// The balancer does not answer, and why; the last figures stay.
        case lost(String)
    }

    /// One line about what was done, or could not be.
    public struct Message: Hashable, Sendable {
        /// What it says.
        public var text: String
        /// Something did not work.
        public var isFault: Bool
    }

    /// A change that was asked for and is not made yet.
    public enum Question: Hashable, Sendable {
        /// The balancer is asked what would change.
        case asking(TopChange)
        /// The person is asked.
        case confirming(TopChange, Change)
        /// It is being made.
        case carrying(TopChange)
    }

    /// The width of the terminal.
    public var columns = 80
    /// Its height.
    public var rows = 24
    /// Where the figures come from: the path or the address of the balancer.
    public let place: String

    /// The last status; nil before the first.
    public private(set) var status: Status?
    /// What happens in a second; nil before the second status, and after a restart.
    public private(set) var rates: Rates?
    /// Whether they are of now.
    public private(set) var connection = Connection.waiting
    /// The last events, the oldest first.
    public private(set) var events: [EventRow] = []
    /// What is looked at.
    public internal(set) var view = View.backends
    /// How backends are sorted.
    public internal(set) var sort = BackendSort.order
    /// The other way round.
    public internal(set) var isReversed = false
    /// What backends are looked for; empty for all.
    public internal(set) var filter = ""
    /// Keys go to the filter.
    public internal(set) var isTypingFilter = false
    /// New figures are not shown.
    public internal(set) var isPaused = false
    /// The last message.
    public internal(set) var message: Message?
    /// The change that is being asked about.
    public internal(set) var question: Question?
    /// The backend that keys are about; nil for the first.
    var chosen: BackendReference?
    /// The session that keys are about; nil for the first.
    var chosenSession: String?
    /// The first row that is shown of a text that is longer than the screen.
    var scrolled = 0
    /// The sessions of ``view``; nil before the answer.
    public private(set) var sessionList: SessionList?
    /// The story of ``view``; nil before the answer.
    public private(set) var story: SessionStory?
    /// An answer about sessions is waited for.
    var isAskingSessions = false

    /// With which status the next one is compared.
    private var compared: Status?
    /// The process of the last status, also of one that was not shown.
    private var process: (pid: Int, started: String)?
    /// When the last status came, in seconds of the caller's clock.
    private var statusTime = 0.0

    /// How many events are kept.
    public static let eventsMax = 200
    /// The most sessions that are asked for.
    public static let sessionsMax = 200
    /// A balancer sends a status every second: after so many seconds without one its figures count as old.
    public static let silenceSeconds = 4.0

    /// Nothing is known yet.
    public init(place: String) {
        self.place = place
    }

    // MARK: what comes in

    /// Takes a new status at a time of the caller's clock; returns what is to be asked because of it.
    public mutating func take(_ new: Status, at time: Double) -> [TopAction] {
        statusTime = time
        if case .lost = connection { message = Message(text: "the balancer answers again", isFault: false) }
        connection = .live
        // Also while nothing new is shown: the other process numbers its events from 1, as this one did.
        if let process, process.pid != new.pid || process.started != new.started {
            message = Message(text: "another process answers (pid \(new.pid)): it was started anew", isFault: false)
            events = []
        }
        process = (new.pid, new.started)
        guard !isPaused else { return [] }
        if let compared, compared.pid == new.pid, compared.started == new.started {
            if let rates = Rates(from: compared, to: new) {
                self.rates = rates
                self.compared = new
            }
        } else {
            rates = nil
            compared = new
        }
        status = new
        guard case .sessions(let reference) = view, !isAskingSessions else { return [] }
        isAskingSessions = true
        return [.ask(.sessions(reference))]
    }

    /// Takes a new event. Those that are known already are passed over.
    public mutating func take(_ event: EventRow) {
        guard !events.contains(where: { $0.number == event.number }) else { return }
        events.append(event)
        if events.count > Self.eventsMax { events.removeFirst(events.count - Self.eventsMax) }
    }

    /// The balancer does not answer any more, or not yet again.
    public mutating func lose(_ reason: String) {
        if connection == .live { message = nil }
        connection = .lost(reason)
        isAskingSessions = false
        if case .confirming = question { question = nil }
    }

    /// To be called about every second: a balancer that has sent nothing for a while is one that does not answer.
    public mutating func tick(at time: Double) {
        if connection == .live, time - statusTime > Self.silenceSeconds {
            connection = .lost("it has sent nothing for \(Figures.age(time - statusTime))")
        }
    }

    /// The program was stopped, and goes on at this time: that nothing has come meanwhile says nothing.
    public mutating func goOn(at time: Double) { statusTime = time }

    /// Takes the answer to a question.
    public mutating func take(_ answer: TopAnswer) {
        switch answer {
        case .sessions(let reference, let result):
            isAskingSessions = false
            guard view == .sessions(reference), !isPaused || sessionList == nil else { return }
            switch result {
            case .success(let list): sessionList = list
            case .failure(let fault): message = Message(text: fault.text, isFault: true)
            }
        case .story(let id, let result):
            guard case .story(id, _) = view else { return }
            switch result {
            case .success(let story): self.story = story
            case .failure(let fault): message = Message(text: fault.text, isFault: true)
            }
        case .change(let change, let result): take(result, of: change)
        }
    }

    private mutating func take(_ result: Result<Change, TopFault>, of change: TopChange) {
        switch (question, result) {
        case (.asking(change), .success(let outcome)):
            question = .confirming(change, outcome)
        case (.carrying(change), .success(let outcome)):
            question = nil
            message = Message(text: ([outcome.sentence()] + outcome.remarks).joined(separator: "; "), isFault: false)
        case (.asking(change), .failure(let fault)), (.carrying(change), .failure(let fault)):
            question = nil
            message = Message(text: fault.text, isFault: true)
        default: break
        }
    }

    // MARK: what is shown

    /// All backends that match the filter, sorted.
    public var backendRows: [BackendRow] {
        guard let status else { return [] }
        let rows = status.backendsByReference.map {
            BackendRow(reference: $0.0, backend: $0.1, flow: rates?.backends[$0.0])
        }.filter { $0.matches(filter) }
        // The sort of the standard library keeps the order of equals, but its documentation does not promise it.
        let sorted = rows.enumerated().sorted { one, other in
            if sort.isBefore(one.element, other.element) { return true }
            if sort.isBefore(other.element, one.element) { return false }
            return one.offset < other.offset
        }.map(\.element)
        return isReversed ? sorted.reversed() : sorted
    }

    /// The place of the chosen backend among ``backendRows``; nil when there are none.
    public var chosenIndex: Int? {
        let rows = backendRows
        guard !rows.isEmpty else { return nil }
        return rows.firstIndex { $0.reference == chosen } ?? 0
    }

    /// The backend that keys are about; nil when there is none.
    public var chosenBackend: BackendReference? {
        switch view {
        case .backend(let reference), .sessions(let reference), .story(_, let reference): reference
        case .backends, .help: chosenIndex.map { backendRows[$0].reference }
        }
    }

    /// The place of the chosen session in ``sessionList``; nil when there is none.
    public var chosenSessionIndex: Int? {
        guard let sessions = sessionList?.sessions, !sessions.isEmpty else { return nil }
        return sessions.firstIndex { $0.id == chosenSession } ?? 0
    }

    /// Shows something else, from its beginning.
    mutating func show(_ view: View) {
        self.view = view
        scrolled = 0
        switch view {
        case .sessions:
            sessionList = nil
            chosenSession = nil
        case .story: story = nil
        case .backends, .backend, .help: break
        }
    }
}
