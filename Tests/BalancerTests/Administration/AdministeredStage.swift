import AdministrationAPI
import CEpoll
import Reactor
import Testing

@testable import Balancer

/// A loop with administration against a ``StagedKernel``: the test asks and orders between its turns, as other threads would.
final class AdministeredStage {
    let kernel: StagedKernel
    let hand: ManualClock
    let access: LoopAccess
    var loop: BalancerLoop
    /// The descriptors of those who ask.
    private let own: Set<CInt>

    /// Somewhere to ask, which the loop itself does not open.
    static let administration = Configuration.Administration(socket: .path("/run/balancer/admin.sock"))

    /// Runs `body` on a stage, then stops its loop: no descriptor may be left.
    ///
    /// - Parameter answer: What connect(2) returns for an address.
    static func run(
        backends: Int = 2, listeners: Int = 1, interval: Duration = .seconds(60), limits: Limits = .init(),
        answer: @escaping (SocketAddress) -> CInt = { _ in 0 },
        adjust: (inout Configuration.Pool) -> Void = { _ in },
        backend: (Int) -> Configuration.Backend = { .init(address: .backend($0)) },
        at location: SourceLocation = #_sourceLocation, _ body: (AdministeredStage) throws -> Void
    ) throws {
        try run(
            .staged(
                backends: backends, listeners: listeners, interval: interval, limits: limits,
                administration: administration, adjust: adjust, backend: backend), answer: answer, at: location, body)
    }

    /// Likewise with a configuration, which has an administration.
    static func run(
        _ configuration: Configuration, answer: @escaping (SocketAddress) -> CInt = { _ in 0 },
        at location: SourceLocation = #_sourceLocation, _ body: (AdministeredStage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        kernel.connectAnswer = answer
        var own: Set<CInt> = []
        try withScriptedKernel(kernel) {
            let stage = try AdministeredStage(kernel, configuration)
            try body(stage)
            stage.loop.stop()
            own = stage.own
        }
        // Those who ask live as long as the process.
        #expect(kernel.descriptors == own, sourceLocation: location)
    }

    private init(_ kernel: StagedKernel, _ configuration: Configuration) throws {
        self.kernel = kernel
        hand = ManualClock()
        let control = try ControlChannel()
        access = try LoopAccess(loops: 1, control: control)
        own = kernel.descriptors
        var log = EventLog.silent
        log.recorder = access.recorder
        let duties = ProcessDuties(signals: nil, service: nil, control: control, lookUp: BackgroundResolver.system)
        loop = try BalancerLoop(
            configuration, clock: .manual(hand), salt: 7, duties, access: access, output: log)
    }

    // MARK: time and clients

    func turns(_ count: Int = 3) throws { for _ in 0..<count { try loop.turn(.immediately) } }

    /// Time passes in steps that are no stalls.
    func pass(_ time: Duration) throws { try loop.pass(time, hand) }

    /// So many clients come, one after the other.
    func arrive(_ count: Int = 1, at listener: Int = 0) throws {
        for _ in 0..<count {
            // So that none has come at the same instant as another.
            hand.now = hand.now + .microseconds(100)
            try loop.arrive(1, at: listener, kernel)
        }
        try turns(2)
    }

    // MARK: questions

    /// Asks the loop, as another thread does, and lets it answer.
    func ask(_ question: LoopQuestion) throws -> LoopAnswer {
        let answer = Guarded<LoopAnswer?>(nil)
        let isAsked = access.mailboxes[0].ask(question) { reply in answer.withLock { $0 = reply } }
        #expect(isAsked)
        loop.answerQuestions()
        try turns(1)
        return try #require(answer.withLock { $0 })
    }

    /// All sessions that match, with the slices put together.
    func sessions(_ change: (inout SessionFilter) -> Void = { _ in }) throws -> [SessionFacts] {
        var filter = SessionFilter()
        change(&filter)
        var found: [SessionFacts] = []
        var first: Int? = 0
        while let next = first {
            guard case .sessions(let some, let after) = try ask(.sessions(filter, from: next)) else { return [] }
            found += some.map(\.facts)
            first = after
        }
        return found
    }

    /// One session, live or ended; nil where it is not known.
    func session(_ id: UInt64) throws -> SessionFacts? {
        guard case .session(let found) = try ask(.session(SessionID(rawValue: id))) else { return nil }
        return found?.facts
    }

    /// The session that has come last.
    func last() throws -> SessionFacts {
        let sessions = try sessions()
        return try #require(sessions.max { $0.accepted < $1.accepted })
    }

    // MARK: orders

    /// Orders something of a backend of the only pool.
    @discardableResult func order(
        _ action: Order.Action, of number: Int, for time: Duration? = nil, by asker: String = "user alice",
        isDryRun: Bool = false
    ) throws -> Change {
        try order(
            Order(
                subject: .backend(pool: "default", name: SocketAddress.backend(number).description), action: action,
                time: time), by: asker, isDryRun: isDryRun)
    }

    /// Orders something of a listener.
    @discardableResult func order(
        _ action: Order.Action, ofListener name: String, for time: Duration? = nil, isDryRun: Bool = false
    ) throws -> Change {
        try order(Order(subject: .listener(name), action: action, time: time), isDryRun: isDryRun)
    }

    @discardableResult func order(
        _ order: Order, by asker: String = "user alice", isDryRun: Bool = false
    ) throws -> Change {
        let change = try loop.carryOut(order, by: asker, isDryRun: isDryRun).get()
        try turns(2)
        return change
    }

    /// Why an order is refused; nil when it is not.
    func refusal(_ order: Order) -> String? {
        guard case .failure(let refusal) = loop.carryOut(order, by: "uid 0", isDryRun: false) else { return nil }
        return refusal.error
    }

    /// Takes the same configuration over again, with other pools.
    func reload(_ change: (inout [Configuration.Pool]) -> Void = { _ in }) throws {
        var pools = loop.configuration.pools
        change(&pools)
        _ = try loop.reload(loop.configuration.with(pools))
        try turns()
    }

    // MARK: what there is

    var sessionCount: Int { loop.sessions.count }

    /// How many sessions have ended so.
    func ended(_ reason: EndReason) -> UInt64 { loop.count(reason) }

    func total(_ counter: Counter) -> UInt64 { loop.shared.total(counter) }

    /// Clients that wait for a place at a backend.
    var queueLength: Int { loop.targets.pools[0].queue.count }

    /// Connections that are held ready.
    var warmCount: Int { loop.targets.states[0].warm.count }

    /// What goes back by itself.
    var reversionCount: Int { loop.reversions.count }

    var rosterVersion: UInt64 { loop.shared.roster.version }

    var serviceState: ServiceState { loop.facts.service.state }

    /// What does not add up; empty while everything does.
    var audit: String { Audit(loop).description }

    /// The backend's socket of a session that is not connected yet; nil when there is none.
    var connectingSocket: CInt? {
        for index in loop.sessions.slab.indexRange where loop.sessions.slab.isTaken(index) {
            guard loop.sessions.slab[index].phase == .connecting else { continue }
            return loop.sessions.slab[index].link.backend.stream.number
        }
        return nil
    }

    /// A backend of the only pool; nil when there is none.
    func target(_ number: Int) -> TargetEntry? {
        loop.shared.roster.current().targets.first { $0.address == .backend(number) }
    }

    var targetCount: Int { loop.shared.roster.current().targets.reduce(0) { count, _ in count + 1 } }

    func listener(_ place: Int = 0) -> ListenerEntry { loop.shared.roster.current().listeners[place] }

    /// The kinds of events so far, and who has asked for them.
    var events: [String] { access.recorder.events(after: 0).map(\.event) }

    /// How many sockets have been connected to a backend: probes and sessions.
    func connects(to number: Int) -> Int { kernel.sockets(to: .backend(number)).count }
}
