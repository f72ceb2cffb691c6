import AdministrationAPI
import Testing
import Top

@testable import AdministrationCommands

@Suite("What commands print") struct OutputTests {
    @Test("lines for scripts have the keys of the status socket, in its order")
    func lines() {
        let lines = StatusLines.text(sampleStatus()).split(separator: "\n").map(String.init)
        #expect(
            lines == [
                "state=serving backends_up=3 backends=4 sessions=12 sessions_max=4000 threads=1 turns=70512 "
                    + "turn_p99_us=96 turn_max_us=411 uptime_s=3600 pid=4711",
                "backend=10.0.0.1:80 health=up name=b1 pool=web sessions=0",
                "backend=10.0.0.2:80 health=down name=b2 pool=web sessions=0",
                "backend=10.0.1.2:80 health=up state=draining name=b2 pool=api sessions=0",
                "backend=172.20.0.5:8090 health=up name=server1 pool=api title=server1:8090 weight=3 sessions=12 "
                    + "sessions_max=200",
                "listener=web pool=web address=0.0.0.0:8000", "listener=web pool=web address=[::]:8000",
            ])
    }

    @Test("backends that nobody checks are counted, queues and routes have lines, and no value breaks a line")
    func moreLines() {
        let text = StatusLines.text(
            sampleStatus { status in
                status.state = "no backend\nx=y"
                status.pools[0].backends[0].state = "unchecked"
                status.pools[0].backends[1].name = "a b\nbackend=evil"
                status.pools[0].queueMax = 20
                status.pools[0].queueLength = 3
                status.pools[0].isInPanic = true
                status.listeners[0].sessionsMax = 12
                status.listeners[0].rejectedTotal = ["denied": 3, "no-route": 12]
                status.listeners[0].routes = [.init(title: "*.example.org", pool: "api", clientsTotal: 4711)]
            })
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines.count == 9)
        #expect(lines[0].hasPrefix("state=no_backend_x=y backends_up=3 backends=4 backends_unchecked=1 sessions=12 "))
        #expect(lines[5] == "pool=web panic=yes waiting=3 queue_max=20")
        #expect(
            lines[6]
                == "listener=web pool=web state=full sessions=12 sessions_max=12 waiting=0 denied=3 over_limit=0 "
                + "headers_wrong=0 names_wrong=12 address=0.0.0.0:8000")
        #expect(lines[8] == "route=*.example.org listener=web pool=api clients=4711")
    }

    @Test("the screen begins with the state and what is wrong, and what is important stands in 80 columns")
    func screen() throws {
        let status = sampleStatus { status in
            status.state = "no-backend"
            status.problems = [
                "Backend web/b2 is down: connect: Connection refused, and a cause that is longer than a row is wide."
            ]
        }
        let lines = StatusScreen(status, columns: nil).lines.map(\.text)
        #expect(lines[0].hasPrefix("state      no-backend"))
        #expect(lines[1].hasPrefix("problems   Backend web/b2 is down"))
        #expect(lines.allSatisfy { ShownText.columns($0) <= 80 }, "\(lines)")
        let place = try #require(lines.firstIndex { $0.hasPrefix("  b2") })
        #expect(lines[place].contains("down") && lines[place + 1] == "    connect: Connection refused")
        #expect(StatusScreen(sampleStatus(), columns: 200).lines[1].text == "problems   none")
    }

    @Test("a change says old, new, and what becomes of the sessions")
    func changes() {
        var change = Change(
            subject: "backend web/b2", old: "up", new: "drain", sessions: 12, isDryRun: false, revertsSeconds: 600,
            remarks: ["It was the last one."])
        #expect(
            ChangeText.lines(change, fate: ChangeText.goesOn(change))
                == ["backend web/b2: up -> drain, 12 sessions go on, goes back in 10m", "  It was the last one."])
        change = Change(subject: "sessions of b2", old: nil, new: nil, sessions: 1, isDryRun: true)
        #expect(
            ChangeText.lines(change, fate: ChangeText.ends(change)) == ["dry run: sessions of b2: 1 session would end"])
        change = Change(subject: "backend web/b2", old: "drain", new: "drain", sessions: 0, isDryRun: false)
        #expect(ChangeText.lines(change, fate: "go on") == ["backend web/b2: stays drain"])
        change = Change(subject: "configuration", old: nil, new: nil, sessions: 0, isDryRun: false)
        #expect(ChangeText.lines(change, fate: nil) == ["configuration"])
    }

    @Test("an event is one line, whatever stands in its fields")
    func events() {
        let event = EventRow(
            number: 1, time: "2026-11-25T10:00:03.120Z", level: "warning", event: "backend-down",
            fields: ["backend": "a1", "pool": "web", "by": "user \"al\"\n", "checks": "3"],
            message: "down after 3 failed checks\u{1B}[2J")
        let line = EventText.line(event)
        #expect(
            line.hasPrefix(
                "2026-11-25T10:00:03.120Z warning backend-down pool=web backend=a1 by=\"user \\\"al\\\"\\n\" down"))
        #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test("new events are told once, also when the stream breaks and the process is another one")
    func sequence() {
        func event(_ number: UInt64) -> EventRow {
            EventRow(number: number, time: "", level: "info", event: "x", fields: [:], message: "")
        }
        var sequence = EventSequence()
        #expect(sequence.take(event(5)).isEmpty, "the list will have it")
        #expect(sequence.resume(with: [event(4), event(5)], ofProcess: "1").map(\.number) == [4, 5])
        #expect(sequence.take(event(5)).isEmpty && sequence.take(event(6)).map(\.number) == [6])
        sequence.interrupt()
        #expect(sequence.resume(with: [event(5), event(6), event(7)], ofProcess: "1").map(\.number) == [7])
        sequence.interrupt()
        #expect(sequence.resume(with: [event(1), event(2)], ofProcess: "2").map(\.number) == [1, 2])
    }

    @Test("JSON is indented; its values and their order stay")
    func json() {
        #expect(
            PrettyJSON.text(Array(#"{"b":[1,{"a":"x, {\"y\":[]} \\"}],"a":[],"c": { } }"#.utf8)) == """
                {
                  "b": [
                    1,
                    {
                      "a": "x, {\\"y\\":[]} \\\\"
                    }
                  ],
                  "a": [],
                  "c": {}
                }
                """)
        for nonsense in ["", "}", "]]]]", "{", "\"", "{\"", "[,]", "\\"] { _ = PrettyJSON.text(Array(nonsense.utf8)) }
    }

    @Test("the last line of a session list says how many are not shown, and which loops are missing")
    func sessions() {
        #expect(
            SessionsCommand.summary(.init(sessions: [], matched: 123, unansweredLoops: [])).map(\.text) == [
                "123 sessions, 123 of them are not shown: --limit shows more"
            ])
        #expect(
            SessionsCommand.summary(.init(sessions: [], matched: 0, unansweredLoops: [1])).map(\.text) == [
                "0 sessions", "loop 1 did not answer in time: its sessions are missing",
            ])
    }
}
