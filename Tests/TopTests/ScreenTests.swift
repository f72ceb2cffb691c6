import AdministrationAPI
import Testing
import Top

@Suite("What top shows") struct ScreenTests {
    private static let sizes = [
        (80, 24), (40, 8), (40, 10), (60, 16), (120, 40), (200, 60), (39, 24), (80, 7), (20, 3), (1, 1), (0, 0),
    ]

    /// Models in each view and mode.
    private func models(columns: Int, rows: Int, _ change: (inout Status) -> Void = { _ in }) -> [TopModel] {
        var model = Sample.model(columns: columns, rows: rows)
        var status = Sample.status(at: 102)
        change(&status)
        _ = model.take(status, at: 2)
        for number in 1...UInt64(30) {
            model.take(Sample.event(number, "a message that is longer than a small window"))
        }
        var models = [TopModel(place: "/run/balancer/admin.sock"), model]
        for keys in ["?", "s", "p", "/x", "d", "2", "G"] {
            var other = model
            other.type(keys)
            models.append(other)
            if keys == "d", let reference = other.chosenBackend {
                let outcome = Change(
                    subject: "backend \(reference)", old: "up", new: "drain", sessions: 12, isDryRun: true,
                    remarks: ["A remark that says something about what would happen, at some length."])
                other.take(.change(TopChange(backend: reference, state: "drain"), .success(outcome)))
                models.append(other)
            }
        }
        var details = model
        _ = details.press(.enter)
        var lost = model
        lost.lose("nobody listens there: the balancer has ended, or listens elsewhere")
        models += [details, lost]
        for index in models.indices { (models[index].columns, models[index].rows) = (columns, rows) }
        return models
    }

    @Test("no line is wider than the window, and there are no more lines than it has", arguments: sizes)
    func size(columns: Int, rows: Int) {
        for model in models(columns: columns, rows: rows) {
            let screen = model.screen
            #expect(screen.lines.count <= rows)
            for line in screen.lines { #expect(line.columns <= columns, "\(line.text)") }
        }
    }

    @Test("names with control characters and wide characters reach the terminal as plain text", arguments: sizes)
    func hostileNames(columns: Int, rows: Int) {
        for model in models(
            columns: columns, rows: rows,
            { status in
                status.pools[0].name = "we\u{1B}[2Jb"
                status.pools[0].backends[0].name = "日本語日本語日本語日本語日本語日本語"
                status.pools[0].backends[2].cause = "\u{9B}31m\r\n\u{7}\u{202E}"
                status.problems = ["\u{1B}]0;title\u{7}"]
                status.listeners[0].name = "e\u{301}\u{200D}\n"
            })
        {
            let screen = model.screen
            for line in screen.lines {
                #expect(line.columns <= columns)
                #expect(
                    line.text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }, "\(line.text)")
            }
        }
    }

    @Test("a window that is too small says what is needed", arguments: [(39, 24), (80, 7), (20, 3)])
    func tooSmall(columns: Int, rows: Int) {
        let text = Sample.model(columns: columns, rows: rows).text
        #expect(text.contains("balancer top needs"))
        #expect(!text.contains("web/b1"))
    }

    @Test("state, backends, listeners and keys stand on 80x24")
    func standard() {
        let lines = Sample.model().text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 24)
        #expect(lines[0].hasPrefix("balancer 0.1.0  serving"))
        #expect(lines[1].contains("sessions 33/4,000") && lines[1].contains("new 10/s"))
        #expect(lines.contains { $0.contains("web/b3") && $0.contains("down") })
        #expect(lines.contains { $0.contains("LISTENER") } && lines.contains { $0.contains("0.0.0.0:8000") })
        #expect(lines[23].hasPrefix("q quit") && lines[23].contains("d drain"))
    }

    @Test("at 40x8 a backend and the keys stay visible")
    func smallest() {
        var model = Sample.model(columns: 40, rows: 8)
        var status = Sample.status(at: 103)
        status.problems = ["One.", "Two.", "Three."]
        _ = model.take(status, at: 3)
        #expect(model.text.contains("web/b1") && model.text.contains("up") && model.text.contains("q quit"))
        model.type("G")
        #expect(model.text.contains("> db/db-1"))
    }

    @Test("the chosen backend is always visible, and the rows say how many there are")
    func scroll() {
        var model = Sample.model()
        var status = Sample.status(at: 102)
        status.pools[0].backends = (0..<100).map { Sample.backend("n\($0)", sessions: $0, rate: 1, at: 102) }
        _ = model.take(status, at: 2)
        for _ in 0..<57 { model.type("j") }
        #expect(model.text.contains("> web/n57") && model.text.contains("of 101"))
        model.type("G")
        #expect(model.text.contains("> db/db-1"))
    }

    @Test("a state is a word, also where colours are left out")
    func colours() {
        let screen = Sample.model().screen
        let plain = screen.write(over: nil, colour: false)
        let coloured = screen.write(over: nil, colour: true)
        #expect(coloured.contains("\u{1B}[32mup") && !plain.contains("\u{1B}[32m") && plain.contains("down"))
    }

    @Test("only rows that have changed are written again, and all of them after another size")
    func difference() {
        var model = Sample.model()
        let first = model.screen
        #expect(first.write(over: first, colour: false).isEmpty)
        model.type("/")
        let second = model.screen
        let text = second.write(over: first, colour: false)
        #expect(text.contains("\u{1B}[23;1H") && !text.contains("\u{1B}[1;1H") && !text.contains("\u{1B}[2J"))
        model.columns = 100
        #expect(model.screen.write(over: second, colour: false).contains("\u{1B}[2J"))
    }
}
