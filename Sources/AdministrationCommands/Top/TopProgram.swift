import CommandSupport
import Glibc
import Reactor
import Top

/// The loop of `balancer top`: keys, signals and news go into a ``TopModel``, its pictures go to the terminal.
struct TopProgram: ~Copyable {
    /// How it ended.
    enum End: Equatable {
        /// `q` or Ctrl-C.
        case quit
        /// A signal.
        case signal(CInt)
        /// The terminal cannot be written to.
        case outputFailed(Errno)
    }

    private enum Source: UInt8, TokenKind {
        case input
        case signals
        case inbox
        case output
    }

    /// A key that begins with Escape is complete within this time, also over a slow line.
    private static let escapeMilliseconds: CInt = 100
    /// The silence of a balancer is noticed that often.
    private static let tickMilliseconds: CInt = 1000

    private let poller: Poller
    private let signals: TopSignals
    private let inbox: TopInbox
    private let questions: TopQuestions
    private var terminal: TopTerminal
    private var model: TopModel
    private var reader = KeyReader()
    /// What the terminal shows; nil when that is not known.
    private var shown: Screen?
    private let isColoured = Output.wantsColour

    /// Runs until it is ended; the terminal is as it was before when this returns or throws.
    static func run(_ asker: any Asker) throws(SystemCallError) -> End {
        // Signals are blocked before any thread starts.
        let signals = try TopSignals()
        let inbox = try TopInbox()
        var program = TopProgram(
            try Poller(), signals, inbox, try TopQuestions.start(asker, inbox), try TopTerminal(), place: asker.place)
        try TopFeed.start(asker, inbox)
        let end = try program.loop()
        program.terminal.leave()
        return end
    }

    private init(
        _ poller: consuming Poller, _ signals: consuming TopSignals, _ inbox: TopInbox, _ questions: TopQuestions,
        _ terminal: consuming TopTerminal, place: String
    ) {
        self.poller = poller
        self.signals = signals
        self.inbox = inbox
        self.questions = questions
        self.terminal = terminal
        model = TopModel(place: place)
    }

    private mutating func loop() throws(SystemCallError) -> End {
        let errno =
            poller.add(number: STDIN_FILENO, Token(Source.input), .input) ?? signals.add(
                to: poller, Token(Source.signals))
            ?? inbox.add(to: poller, Token(Source.inbox))
        if let errno { throw SystemCallError(call: "epoll_ctl", errno: errno) }
        terminal.add(to: poller, Token(Source.output))
        terminal.enter()
        resize()
        var events = EventBuffer(capacity: 8)
        while true {
            if let end = draw() { return end }
            let wait = reader.isInEscape ? Self.escapeMilliseconds : Self.tickMilliseconds
            try poller.poll(into: &events, timeout: .milliseconds(wait))
            if events.count == 0, !events.wasInterrupted, let key = reader.endEscape(), let end = press(key) {
                return end
            }
            for index in 0..<events.count {
                let end =
                    switch Source(of: events[index].token) {
                    case .input: readKeys()
                    case .signals: takeSignals()
                    case .inbox: takeNews()
                    case .output: terminal.write("").map(End.outputFailed)
                    }
                if let end { return end }
            }
            model.tick(at: Self.seconds)
        }
    }

    private static var seconds: Double { Double(Clock.monotonic.now().nanoseconds) / 1e9 }

    /// Writes what has changed, unless the terminal has not taken the last picture yet.
    private mutating func draw() -> End? {
        guard terminal.isIdle else { return nil }
        let screen = model.screen
        guard screen != shown else { return nil }
        let text = screen.write(over: shown, colour: isColoured)
        shown = screen
        return terminal.write(text).map(End.outputFailed)
    }

    private mutating func resize() {
        let size = Output.terminalSize(STDOUT_FILENO)
        model.columns = size?.columns ?? Output.standardColumns
        model.rows = size?.rows ?? 24
        shown = nil
    }

    // MARK: what comes in

    private mutating func readKeys() -> End? {
        guard let bytes = terminal.keys() else { return .signal(SIGHUP) }
        for byte in bytes {
            for key in reader.read(byte) {
                if let end = press(key) { return end }
            }
        }
        return nil
    }

    private mutating func press(_ key: Key) -> End? {
        for action in model.press(key) {
            switch action {
            case .quit: return .quit
            case .suspend: suspend(wholeJob: true)
            case .redraw: shown = nil
            case .ask(let question): questions.ask(question)
            }
        }
        return nil
    }

    private mutating func takeSignals() -> End? {
        while let meaning = signals.next() {
            switch meaning {
            case .end(let number): return .signal(number)
            case .stop: suspend(wholeJob: false)
            case .goOn: goOn()
            case .resize: resize()
            }
        }
        return nil
    }

    /// Gives the terminal back, stops, and takes it over again when the shell continues this program.
    private mutating func suspend(wholeJob: Bool) {
        terminal.leave()
        TopSignals.stop(wholeJob: wholeJob)
        goOn()
    }

    private mutating func goOn() {
        terminal.enter()
        resize()
        model.goOn(at: Self.seconds)
    }

    private mutating func takeNews() -> End? {
        for item in inbox.takeAll() {
            switch item {
            case .status(let status):
                for action in model.take(status, at: Self.seconds) {
                    if case .ask(let question) = action { questions.ask(question) }
                }
            case .event(let event): model.take(event)
            case .lost(let reason): model.lose(reason)
            case .answer(let answer): model.take(answer)
            }
        }
        return nil
    }
}
