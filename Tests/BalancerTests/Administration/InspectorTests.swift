import AdministrationAPI
import Glibc
import Reactor
import Synchronization
import TestSupport
import Testing

@testable import Balancer

/// What administration is told while loops do not answer, or are not there yet.
@Suite struct InspectorTests {
    /// An inspector of loops that do not run: the test answers for them, or does not.
    private static func inspector(
        threads: Int = 2, isOpen: Bool = true
    ) throws -> (inspector: Inspector, access: LoopAccess, shared: SharedState) {
        let configuration = try Configuration.staged(
            backends: 2, threads: threads, administration: AdministeredStage.administration)
        let access = try LoopAccess(loops: threads, control: ControlChannel())
        let shared = SharedState(configuration, access: access)
        if isOpen { access.open(shared, configuration) }
        return (try Inspector(access, version: "1.2.3", .staged()), access, shared)
    }

    /// Waits for an answer; nil when none has come within half a minute.
    private static func answer<Value: Sendable>(
        _ ask: (@escaping @Sendable (Value) -> Void) -> Void, while body: () -> Void = {}
    ) -> Value? {
        let answers = Guarded<[Value]>([])
        ask { value in answers.withLock { $0.append(value) } }
        let deadline = ContinuousClock.now + .seconds(30)
        while answers.withLock({ $0.isEmpty }), ContinuousClock.now < deadline {
            body()
            Pause.brief()
        }
        return answers.withLock { $0.first }
    }

    /// Answers what a loop without sessions is asked.
    private static func serve(_ mailbox: Mailbox) {
        while let letter = mailbox.next() {
            let answer: LoopAnswer =
                switch letter.question {
                case .isAlive: .alive(LoopLedger(bytesIn: 0, bytesOut: 0, descriptors: 0))
                case .sessions: .sessions([], next: nil)
                case .session: .session(nil)
                case .kill, .killAll: .killed(0, next: nil)
                }
            letter.answer(answer)
        }
    }

    private static func refusal<Value>(_ result: Result<Value, Refusal>?) -> String? {
        if case .failure(let refusal) = result { return refusal.error }
        return nil
    }

    @Test("before the loops are there, the state is known and everything else is refused for a moment")
    func beforeTheStart() throws {
        let (inspector, _, _) = try Self.inspector(isOpen: false)
        let status = inspector.status()
        #expect(status.state == "starting" && status.version == "1.2.3" && status.pid == Int(getpid()))
        #expect(status.pools == [] && status.loops == [])
        let text = "the balancer has not started yet: ask again in a moment"
        #expect(Self.refusal(Self.answer { inspector.sessions(SessionQuestion(), answer: $0) }) == text)
        #expect(Self.refusal(Self.answer { inspector.story(ofSession: "0123456789abcdef", answer: $0) }) == text)
        #expect(Self.refusal(Self.answer { inspector.carryOut(.reload, by: "token", answer: $0) }) == text)
        #expect(inspector.measurements().turns.counts.allSatisfy { $0 == 0 })
    }

    @Test("a loop that does not answer is named as stuck, and the others' answers are there")
    func stuck() throws {
        let (inspector, access, _) = try Self.inspector()
        var status = inspector.status()
        #expect(status.loops.map(\.state) == ["running", "running"])
        let deadline = ContinuousClock.now + .seconds(30)
        while status.loops.allSatisfy({ $0.state == "running" }), ContinuousClock.now < deadline {
            Self.serve(access.mailboxes[0])
            Pause.brief()
            status = inspector.status()
        }
        #expect(status.loops.map(\.state) == ["running", "stuck"])
        #expect(status.loops[1].stuckSeconds.map { $0 >= 1 } == true)
        #expect(status.problems.first?.hasPrefix("loop 1 has not answered for ") == true, "\(status.problems)")

        let list = Self.answer {
            inspector.sessions(SessionQuestion(), answer: $0)
        } while: {
            Self.serve(access.mailboxes[0])
        }
        #expect(try list?.get().unansweredLoops == [1] && list?.get().sessions == [])
        // It goes on.
        Self.serve(access.mailboxes[1])
        Self.serve(access.mailboxes[0])
        status = inspector.status()
        #expect(
            status.loops.map(\.state) == ["running", "running"] && !status.problems.contains { $0.contains("loop") })
    }

    @Test("whoever wants something of a loop that does not answer is told so, and not what became of it")
    func stuckWishes() throws {
        let (inspector, access, shared) = try Self.inspector()
        let ids = SessionIDs(salt: shared.sessionSalt, loop: 1)
        let id = ids.id(of: SlabKey(index: 3, generation: 1)).description
        let silent = "loop 1 does not answer: it may be stuck, look at `balancer status`"
        #expect(Self.refusal(Self.answer { inspector.story(ofSession: id, answer: $0) }) == silent)
        let kill = Wish.killSession(id: id, isDryRun: false)
        #expect(Self.refusal(Self.answer { inspector.carryOut(kill, by: "token", answer: $0) }) == silent)
        let drain = Wish.backendState(pool: "default", backend: "10.1.0.0:80", StateWish(state: "drain"))
        #expect(
            Self.refusal(Self.answer { inspector.carryOut(drain, by: "token", answer: $0) })
                == "loop 0 does not answer: whether it is carried out is not known")
        let all = Wish.killSessions(pool: nil, backend: "10.1.0.0:80", isDryRun: false)
        let change = try Self.answer {
            inspector.carryOut(all, by: "token", answer: $0)
        } while: {
            Self.serve(access.mailboxes[0])
        }?.get()
        #expect(change?.remarks == ["loop 1 does not answer: its sessions may go on"] && change?.sessions == 0)
    }

    @Test("a loop that has ended is not stuck: it has no sessions, and nobody waits for it")
    func ended() throws {
        let (inspector, access, _) = try Self.inspector()
        _ = inspector.status()
        access.mailboxes[1].close()
        // Both were asked at the same time: once the first is found stuck, the second would be.
        let deadline = ContinuousClock.now + .seconds(30)
        var states = inspector.status().loops.map(\.state)
        while states.first == "running", ContinuousClock.now < deadline {
            Pause.brief()
            states = inspector.status().loops.map(\.state)
        }
        #expect(states == ["stuck", "ended"])
        Self.serve(access.mailboxes[0])
        let list = Self.answer {
            inspector.sessions(SessionQuestion(), answer: $0)
        } while: {
            Self.serve(access.mailboxes[0])
        }
        #expect(try list?.get().unansweredLoops == [])
        let all = Wish.killSessions(pool: nil, backend: "10.1.0.0:80", isDryRun: false)
        let change = try Self.answer {
            inspector.carryOut(all, by: "token", answer: $0)
        } while: {
            Self.serve(access.mailboxes[0])
        }?.get()
        #expect(change?.remarks == [])
    }

    @Test("ids that are none, or of another process, are refused before a loop is asked")
    func ids() throws {
        let (inspector, access, _) = try Self.inspector()
        for text in ["", "7", "0123456789abcdeg", "0123456789abcdef0", "+123456789abcdef"] {
            let refusal = Self.refusal(Self.answer { inspector.story(ofSession: text, answer: $0) })
            #expect(refusal?.hasPrefix("'\(text)' is no id of a session") == true, "\(refusal ?? "-")")
        }
        // Of a loop that there is not.
        let other = SessionIDs(salt: try #require(access.running).shared.sessionSalt, loop: 7)
        let id = other.id(of: SlabKey(index: 3, generation: 1)).description
        #expect(
            Self.refusal(Self.answer { inspector.story(ofSession: id, answer: $0) })
                == "no session '\(id)' of this process: it is of another one, or mistyped")
        // The inspector asks by itself whether loops are alive.
        for mailbox in access.mailboxes {
            while let letter = mailbox.next() {
                guard case .isAlive = letter.question else {
                    Issue.record("a loop was asked \(letter.question)")
                    continue
                }
            }
        }
    }

    @Test("backends of one name in several pools are told apart by their pool")
    func severalPools() throws {
        let pools = ["a", "b"].map {
            Configuration.Pool(name: $0, backends: [.init(address: .backend(0), label: "b0")])
        }
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 20_000))], pools: pools, log: .none,
            administration: AdministeredStage.administration)
        let access = try LoopAccess(loops: 1, control: ControlChannel())
        access.open(SharedState(configuration, access: access), configuration)
        let inspector = try Inspector(access, version: "1", .staged())
        let wish = Wish.killSessions(pool: nil, backend: "b0", isDryRun: true)
        #expect(
            Self.refusal(Self.answer { inspector.carryOut(wish, by: "token", answer: $0) })
                == "backend 'b0' is in several pools: give one of a/b0, b/b0")
        let one = Wish.killSessions(pool: "b", backend: "b0", isDryRun: true)
        #expect(
            try Self.answer { inspector.carryOut(one, by: "token", answer: $0) }?.get().subject
                == "sessions of backend b/b0")
    }

    @Test("without a file there is none to read again")
    func withoutFile() throws {
        let (inspector, _, _) = try Self.inspector()
        let refusal = Self.refusal(Self.answer { inspector.carryOut(.reload, by: "token", answer: $0) })
        #expect(refusal?.contains("started without one") == true, "\(refusal ?? "-")")
        #expect(inspector.configuration() == nil)
        let difference = Self.answer { inspector.difference(answer: $0) }
        #expect(Self.refusal(difference) == "no file")
    }
}
