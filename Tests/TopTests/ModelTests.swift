import AdministrationAPI
import Testing
import Top

@Suite("What top knows") struct ModelTests {
    @Test("rates are differences of counters, in a second")
    func rates() throws {
        let rates = try #require(Rates(from: Sample.status(at: 100), to: Sample.status(at: 102)))
        #expect(rates.total.sessions == 10 && rates.total.bytesDown == 200_000 && rates.processor == 0.25)
        #expect(rates.backends[BackendReference(pool: "web", backend: "b1")]?.sessions == 5)
        #expect(rates.backends[Sample.b2]?.bytesUp == 100)
    }

    @Test("there are no rates across a restart, nor between statuses that are too close together")
    func noRates() {
        let before = Sample.status(at: 100)
        #expect(Rates(from: before, to: Sample.status(at: 101, pid: 1)) == nil)
        #expect(Rates(from: before, to: Sample.status(at: 101, started: "2026-11-27T22:00:00.000Z")) == nil)
        #expect(Rates(from: before, to: Sample.status(at: 3)) == nil)
        #expect(Rates(from: before, to: Sample.status(at: 100.1)) == nil)
        var strange = Sample.status(at: 101)
        strange.uptimeSeconds = .nan
        #expect(Rates(from: before, to: strange) == nil)
    }

    @Test("a counter that has decreased has no rate: another backend has the name now")
    func decrease() throws {
        var later = Sample.status(at: 101)
        later.pools[0].backends[0].sessionsTotal = 0
        let rates = try #require(Rates(from: Sample.status(at: 100), to: later))
        #expect(rates.backends[BackendReference(pool: "web", backend: "b1")]?.sessions == 0)
    }

    @Test("after a restart rates are unknown until the second status, and it is said")
    func restart() {
        var model = Sample.model()
        #expect(model.rates != nil)
        _ = model.take(Sample.status(at: 1, pid: 99), at: 2)
        #expect(model.rates == nil && model.text.contains("another process answers (pid 99)"))
        _ = model.take(Sample.status(at: 2, pid: 99), at: 3)
        #expect(model.rates?.total.sessions == 10)
    }

    @Test("a restart while nothing new is shown: the events of the new process are not taken for those of the old one")
    func restartWhilePaused() {
        var model = Sample.model()
        model.take(Sample.event(1, "of the old process"))
        model.type("p")
        #expect(model.isPaused)
        _ = model.take(Sample.status(at: 1, pid: 99), at: 2)
        model.take(Sample.event(1, "of the new process"))
        #expect(model.status?.pid == 4711)
        model.type("p")
        _ = model.take(Sample.status(at: 2, pid: 99), at: 3)
        #expect(model.status?.pid == 99 && model.rates == nil)
        #expect(model.events.map(\.message) == ["of the new process"])
    }

    @Test("a digit sorts, the same again the other way round; the chosen backend stays chosen")
    func sorting() {
        var model = Sample.model()
        func names() -> [String] { model.backendRows.map(\.reference.backend) }
        #expect(names() == ["b1", "b2", "b3", "db-1"])
        model.type("j")
        #expect(model.chosenBackend == Sample.b2)
        model.type("3")
        #expect(names() == ["b2", "b1", "db-1", "b3"] && model.chosenBackend == Sample.b2)
        model.type("3")
        #expect(names() == ["b3", "db-1", "b1", "b2"] && model.chosenBackend == Sample.b2)
        model.type("2")
        #expect(names().first == "b3")
        model.type("4")
        #expect(names() == ["b1", "db-1", "b2", "b3"])
        model.type("1")
        #expect(names() == ["b1", "b2", "b3", "db-1"])
    }

    @Test("a filter looks at names, addresses, states and causes; Escape ends it")
    func filter() {
        var model = Sample.model()
        model.type("/REFUSED")
        #expect(model.backendRows.map(\.reference.backend) == ["b3"])
        #expect(model.press(.enter).isEmpty && !model.isTypingFilter)
        #expect(model.text.contains("1 of 4 backends"))
        _ = model.press(.escape)
        #expect(model.backendRows.count == 4)
        model.type("/qqq")
        #expect(model.backendRows.isEmpty && model.chosenBackend == nil && model.text.contains("no backend matches"))
        _ = model.press(.control("u"))
        #expect(model.backendRows.count == 4)
        #expect(model.press(.control("c")) == [.quit])
    }

    @Test("drain asks first what would change, says how many sessions it concerns, and is made only after y")
    func drain() {
        var model = Sample.model()
        let change = TopChange(backend: Sample.b2, state: "drain")
        model.type("j")
        #expect(model.type("d") == [.ask(.change(change, isDryRun: true))])
        // A second wish waits for the first.
        #expect(model.type("m").isEmpty)
        let outcome = Change(
            subject: "backend web/b2", old: "up", new: "drain", sessions: 20, isDryRun: true,
            remarks: ["It is the last one."])
        model.take(.change(change, .success(outcome)))
        let text = model.text.replacing("\n", with: " ")
        #expect(text.contains("backend web/b2: up -> drain; 20 sessions go on") && text.contains("It is the last one."))
        #expect(model.type("n").isEmpty && model.text.contains("nothing was changed"))

        model.type("d")
        model.take(.change(change, .success(outcome)))
        #expect(model.type("y") == [.ask(.change(change, isDryRun: false))])
        model.take(.change(change, .failure(TopFault("no backend 'b2'"))))
        #expect(model.question == nil && model.text.contains("no backend 'b2'"))
    }

    @Test("keys that change something say why they cannot: nobody answers, or only reading is allowed")
    func forbidden() {
        var model = Sample.model()
        var status = Sample.status(at: 102)
        status.mayChange = false
        _ = model.take(status, at: 2)
        #expect(model.type("d").isEmpty && model.text.contains("may only read"))
        _ = model.take(Sample.status(at: 103), at: 3)
        model.lose("Connection refused")
        #expect(model.type("r").isEmpty && model.text.contains("does not answer"))
    }

    @Test("a balancer that goes away leaves its last figures, which are marked as old, and comes back")
    func lost() {
        var model = Sample.model()
        model.lose("nobody listens there")
        #expect(model.text.contains("these figures are old: nobody listens there") && model.text.contains("web/b2"))
        #expect(model.screen.lines.contains { $0.text.contains("web/b2") && $0.pieces.allSatisfy(\.style.isDim) })
        _ = model.take(Sample.status(at: 110), at: 10)
        #expect(model.connection == .live && model.text.contains("answers again"))
        model.tick(at: 12)
        #expect(model.connection == .live)
        model.tick(at: 100)
        #expect(model.text.contains("it has sent nothing for"))
    }

    @Test("a paused picture stands still, and goes on with p")
    func pause() {
        var model = Sample.model()
        model.type("p")
        _ = model.take(Sample.status(at: 150), at: 50)
        #expect(model.status?.uptimeSeconds == 101 && model.text.contains("PAUSED"))
        model.type("p")
        _ = model.take(Sample.status(at: 151), at: 51)
        #expect(model.status?.uptimeSeconds == 151 && model.rates?.total.sessions == 10)
    }

    @Test("sessions of a backend are asked for, again with each status, and one leads to its story")
    func sessions() {
        var model = Sample.model()
        model.type("j")
        #expect(model.type("s") == [.ask(.sessions(Sample.b2))])
        // The first answer is still waited for.
        #expect(model.take(Sample.status(at: 102), at: 2).isEmpty)
        let list = SessionList(
            sessions: [Sample.session("00000000000000aa"), Sample.session("00000000000000bb")], matched: 20,
            unansweredLoops: [1])
        model.take(.sessions(Sample.b2, .success(list)))
        #expect(model.text.contains("00000000000000bb") && model.text.contains("the oldest 2 are listed"))
        #expect(model.take(Sample.status(at: 103), at: 3) == [.ask(.sessions(Sample.b2))])
        model.type("j")
        #expect(model.press(.enter) == [.ask(.story("00000000000000bb"))])
        var story = SessionStory(session: list.sessions[1], isLive: true, accepted: "2026-11-27T21:15:00.000Z")
        story.sentences = ["The client has not taken anything for 12 s."]
        model.take(.story("00000000000000bb", .success(story)))
        #expect(model.text.contains("has not taken anything"))
        #expect(model.press(.escape) == [.ask(.sessions(Sample.b2))])
        _ = model.press(.escape)
        #expect(model.view == .backends)
    }

    @Test("an answer that comes late, about something else, changes nothing")
    func late() {
        var model = Sample.model()
        let before = model.screen
        model.take(.sessions(Sample.b2, .success(SessionList(sessions: [], matched: 0, unansweredLoops: []))))
        let change = TopChange(backend: Sample.b2, state: "drain")
        let outcome = Change(subject: "backend web/b2", old: "up", new: "drain", sessions: 1, isDryRun: true)
        model.take(.change(change, .success(outcome)))
        #expect(model.screen == before && model.question == nil)
    }

    @Test("events are kept once each, and not without end")
    func events() {
        var model = Sample.model()
        for number in 1...UInt64(TopModel.eventsMax + 10) { model.take(Sample.event(number)) }
        model.take(Sample.event(15))
        #expect(
            model.events.count == TopModel.eventsMax && model.events.last?.number == UInt64(TopModel.eventsMax + 10))
    }
}
