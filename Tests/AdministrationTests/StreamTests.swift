import AdministrationAPI
import AdministrationClient
import FoundationEssentials
import NIOCore
import Testing

@testable import Administration

@Suite("Server: streams of events")
struct StreamTests {
    private static let target = "/v1/events"
    private static let accept = "Accept: text/event-stream"

    /// A server with a `status` event every few milliseconds.
    private static func quick(_ change: (inout Times) -> Void = { _ in }) throws -> TestServer {
        var times = Times.patient
        times.status = .milliseconds(5)
        times.snapshot = .milliseconds(1)
        change(&times)
        return try TestServer(times: times)
    }

    /// The ids of the events in a stream, without the process before the number.
    private static func numbers(_ text: String) -> [Int] {
        let ids = text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("id: ") }
        return ids.compactMap { EventID(String($0.dropFirst("id: ".count))).map { Int($0.number) } }
    }

    @Test("A stream begins with a status, goes on with others, and tells each event with its number")
    func both() throws {
        let server = try Self.quick()
        server.balancer.add(event: "before")
        var statuses = 0
        var logs: [AdministrationClient.Event] = []
        try server.operatorClient.stream(Self.target) { event in
            if event.name == "status" {
                let decoder = JSONDecoder()
                decoder.keyDecodingStrategy = .convertFromSnakeCase
                let status = try decoder.decode(Status.self, from: Data(event.data))
                #expect(status.mayChange)
                #expect(event.id == nil)
                statuses += 1
                if statuses == 2 { server.balancer.add(event: "backend-down", message: "line\nbreak") }
            } else {
                logs.append(event)
            }
            return statuses < 3 || logs.isEmpty
        }
        #expect(logs.map(\.name) == ["log"])
        let id = try #require(logs.first?.id.flatMap { EventID($0) })
        #expect(id.number == 2)
        // An id of another process than this one has the same form.
        #expect(id.process?.wholeMatch(of: /[0-9]+-[0-9]{13}/) != nil)
        let row = try JSONDecoder().decode(EventRow.self, from: Data(try #require(logs.first).data))
        #expect(row.event == "backend-down" && row.message == "line\nbreak" && row.fields == ["pool": "web"])
    }

    @Test("?only= leaves the others out")
    func only() throws {
        let server = try Self.quick()
        var names: Set<String> = []
        var count = 0
        try server.operatorClient.stream("\(Self.target)?only=status") { event in
            names.insert(event.name)
            count += 1
            server.balancer.add(event: "x")
            return count < 5
        }
        #expect(names == ["status"])
        names = []
        try server.operatorClient.stream("\(Self.target)?only=log&after=0") { event in
            names.insert(event.name)
            return event.id?.hasSuffix(".4") == false
        }
        #expect(names == ["log"])
    }

    @Test("A client that comes again gets what it has missed, once; after a restart of the balancer all there is")
    func comesAgain() throws {
        let server = try Self.quick()
        for number in 1...5 { server.balancer.add(event: "event-\(number)") }
        var second = ""
        try server.operatorClient.stream("\(Self.target)?only=log&after=1") { event in
            second = event.id ?? ""
            return false
        }
        #expect(second.hasSuffix(".2"))
        // Of other processes: of a higher number, of the same one, and of the same process number at another time.
        let elsewhere = ["1-1795814100250.900", "1-1795814100250.2", second.replacing("-", with: "-1")]
        for (last, expected) in [(second, 3...5), ("2", 3...5), ("0", 1...5)] + elsewhere.map({ ($0, 1...5) }) {
            let raw = try server.unix()
            raw.send(
                "GET \(Self.target)?only=log HTTP/1.1\r\nHost: x\r\n\(Self.accept)\r\nLast-Event-ID: \(last)\r\n\r\n")
            #expect(Self.numbers(raw.read(until: ".5\n")) == Array(expected), "\(last)")
        }
    }

    @Test("All subscribers get all events, in their order")
    func manySubscribers() throws {
        let server = try Self.quick()
        var subscribers: [RawConnection] = []
        for _ in 0..<20 {
            let raw = try server.tcp()
            raw.send(server.request("GET", "\(Self.target)?only=log", Self.accept))
            #expect(raw.read(until: "retry: ").contains("200 OK"))
            subscribers.append(raw)
        }
        for number in 1...100 { server.balancer.add(event: "event-\(number)") }
        for raw in subscribers {
            #expect(Self.numbers(raw.read(until: ".100\n")) == Array(1...100))
        }
    }

    @Test("A stream over HTTP/1.0 has no chunks and ends with the connection")
    func oldHTTP() throws {
        let server = try Self.quick()
        let raw = try server.unix()
        raw.send("GET \(Self.target) HTTP/1.0\r\n\(Self.accept)\r\n\r\n")
        let text = raw.read(until: "event: status\n", count: 2)
        #expect(text.hasPrefix("HTTP/1.0 200 OK\r\n"))
        #expect(text.contains("\r\n\r\nretry: 1000\n\nevent: status\ndata: {"))
        #expect(!text.lowercased().contains("transfer-encoding"))
    }

    @Test("A quiet stream gets comments, so that both ends see that it lives")
    func comments() throws {
        let server = try Self.quick { $0.statusesPerComment = 2 }
        let raw = try server.unix()
        raw.send("GET \(Self.target)?only=log HTTP/1.1\r\nHost: x\r\n\(Self.accept)\r\n\r\n")
        #expect(raw.read(until: ": \n\n").contains("text/event-stream"))
    }

    @Test("When the last subscriber has left, the balancer is not asked any more")
    func leaving() throws {
        let server = try Self.quick()
        do {
            let raw = try server.unix()
            raw.send("GET \(Self.target) HTTP/1.1\r\nHost: x\r\n\(Self.accept)\r\n\r\n")
            raw.read(until: "event: status")
        }
        #expect(settles { server.balancer.statusCalls })
    }

    @Test("A subscriber that does not read is dropped in the end, and delays nobody")
    func slowSubscriber() throws {
        let server = try Self.quick { $0.answer = .seconds(1) }
        server.balancer.grow(1 << 16)
        let slow = try server.tcp(receiveBuffer: 4096)
        slow.send(server.request("GET", Self.target, Self.accept))
        var quick = 0
        try server.operatorClient.stream("\(Self.target)?only=status") { _ in
            quick += 1
            return quick < 5
        }
        // What it sends is dropped, until its connection is closed.
        #expect(eventually { !slow.send(": \r\n") })
    }

    @Test("A subscriber that reads late misses status events and no event of the log")
    func lateReader() throws {
        let server = try Self.quick()
        server.balancer.grow(1 << 16)
        let late = try server.tcp(receiveBuffer: 4096)
        late.send(server.request("GET", Self.target, Self.accept))
        // Nothing more is written to it: it gets no status, and nobody else wants one.
        #expect(settles { server.balancer.statusCalls })
        for number in 1...50 { server.balancer.add(event: "event-\(number)") }
        var statuses = 0
        try server.operatorClient.stream("\(Self.target)?only=status") { _ in
            statuses += 1
            return statuses < 5
        }
        server.balancer.grow(0)
        let text = late.read(until: ".50\n")
        #expect(Self.numbers(text) == Array(1...50))
        #expect(text.components(of: "event: status\n") < server.balancer.statusCalls)
    }
}
