import AdministrationAPI
import AdministrationClient
import FoundationEssentials
import NIOCore
import Testing

@testable import Administration

@Suite("Server: requests over real sockets")
struct ServerTests {
    @Test("A status over the Unix socket may be followed by changes, one over TCP without a token may not")
    func status() throws {
        let server = try TestServer()
        #expect(try server.operatorClient.ask(Status.self, "/v1/status").mayChange)
        #expect(try !server.tcpClient().ask(Status.self, "/v1/status").mayChange)
        #expect(try server.tcpClient(token: TestServer.token).ask(Status.self, "/v1/status").mayChange)
    }

    @Test("Each answer forbids to store it and to guess its type, and names no server")
    func fields() throws {
        let server = try TestServer()
        for target in ["/", "/page.js", "/page.css", "/v1/status", "/metrics", "/healthz", "/nope", "/v1/config"] {
            let headers = try server.operatorClient.get(target).headers
            #expect(headers["cache-control"] == "no-store", "\(target)")
            #expect(headers["x-content-type-options"] == "nosniff", "\(target)")
            #expect(headers["server"] == nil, "\(target)")
        }
    }

    @Test("The page may load scripts and styles from here only, and nobody may frame it")
    func page() throws {
        let server = try TestServer()
        let page = try server.operatorClient.get("/")
        #expect(page.headers["content-type"] == "text/html; charset=utf-8")
        let policy = try #require(page.headers["content-security-policy"])
        for part in [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src data:",
            "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
        ] {
            #expect(policy.contains(part))
        }
        #expect(!policy.contains("unsafe"))
    }

    @Test("Each script that the page loads, and that its scripts import, is there")
    func scripts() throws {
        let server = try TestServer()
        var waiting = ["page.js"]
        var seen: Set<String> = []
        #expect(String(decoding: try server.operatorClient.get("/").body, as: UTF8.self).contains("src=\"page.js\""))
        while let name = waiting.popLast() {
            guard seen.insert(name).inserted else { continue }
            let answer = try server.operatorClient.get("/\(name)")
            #expect(answer.status == 200, "\(name)")
            #expect(answer.headers["content-type"] == "text/javascript; charset=utf-8", "\(name)")
            let text = String(decoding: answer.body, as: UTF8.self)
            waiting += text.matches(of: /from "\.\/([a-z]+\.js)"/).map { String($0.output.1) }
        }
        #expect(seen.count > 10)
    }

    @Test("Metrics have the type without which Prometheus refuses them")
    func metrics() throws {
        let server = try TestServer()
        let metrics = try server.tcpClient().get("/metrics")
        #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(!metrics.body.isEmpty)
    }

    @Test("readyz is 503 with the state while a new client is not served; healthz is 200 all the same")
    func readiness() throws {
        let server = try TestServer()
        #expect(try server.operatorClient.get("/readyz").status == 200)
        for state in ["starting", "no-backend", "full", "impaired", "draining"] {
            let other = try TestServer()
            other.balancer.become(state)
            let answer = try other.operatorClient.get("/readyz")
            #expect(answer.status == 503)
            #expect(String(decoding: answer.body, as: UTF8.self) == "\(state)\n")
            #expect(try other.operatorClient.get("/healthz").status == 200)
        }
    }

    @Test("Many askers of a moment cost one status")
    func sharedStatus() throws {
        var times = Times.patient
        times.snapshot = .hours(1)
        let server = try TestServer(times: times)
        for _ in 0..<50 { _ = try server.operatorClient.get("/v1/status") }
        for _ in 0..<50 { _ = try server.tcpClient().get("/metrics") }
        #expect(server.balancer.statusCalls == 1)
    }

    @Test("Whoever has changed something sees it in the next status, however young the last one is")
    func freshAfterChange() throws {
        var times = Times.patient
        times.snapshot = .hours(1)
        let server = try TestServer(times: times)
        #expect(try server.operatorClient.ask(Status.self, "/v1/status").state == "serving")
        server.balancer.become("draining")
        _ = try server.operatorClient.send("POST", "/v1/config/reload")
        #expect(try server.operatorClient.ask(Status.self, "/v1/status").state == "draining")
    }

    @Test("A wish is carried out in the name of the socket's user, or of the token")
    func wishes() throws {
        let server = try TestServer()
        let target = AdministrationClient.target(["v1", "pools", "a/b", "backends", "[::1]:80", "state"])
        let wish = StateWish(state: "drain", forSeconds: 60)
        let change = try server.operatorClient.ask(Change.self, "POST", target, body: wish)
        #expect(change.new == "drain")
        let token = server.tcpClient(token: TestServer.token)
        _ = try token.ask(Change.self, "POST", target, body: wish)
        let wishes = server.balancer.wishes
        #expect(wishes.map(\.wish) == Array(repeating: .backendState(pool: "a/b", backend: "[::1]:80", wish), count: 2))
        let user = try #require(wishes.first?.asker)
        #expect(user.hasPrefix("user ") || user.hasPrefix("uid "))
        #expect(wishes.last?.asker == "token")
    }

    @Test("What is refused over TCP does not reach the balancer")
    func refusedWishes() throws {
        let server = try TestServer()
        let tcp = server.tcpClient()
        #expect(try tcp.send("POST", "/v1/config/reload").status == 401)
        #expect(try server.tcpClient(token: "wrong").send("POST", "/v1/config/reload").status == 401)
        #expect(try tcp.get("/v1/config/reload").status == 405)
        let token = "Authorization: Bearer \(TestServer.token)"
        for (fields, status) in [
            ([token, "Origin: http://evil.example"], 403), ([token, "Sec-Fetch-Site: cross-site"], 403),
            (["Origin: http://evil.example"], 403),
        ] {
            let raw = try server.tcp()
            raw.send("POST /v1/config/reload HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n")
            raw.send(fields.map { $0 + "\r\n" }.joined() + "\r\n")
            #expect(raw.readAnswer()?.status == status)
        }
        let rebound = try server.tcp()
        rebound.send("GET /v1/status HTTP/1.1\r\nHost: evil.example:\(server.port)\r\n\r\n")
        #expect(rebound.readAnswer()?.status == 421)
        #expect(server.balancer.wishes.isEmpty)
    }

    @Test("Without a token file a change over TCP is 403")
    func noTokens() throws {
        let server = try TestServer(tokens: [])
        let answer = try server.tcpClient(token: "x").send("POST", "/v1/config/reload")
        #expect(answer.status == 403)
        #expect(String(decoding: answer.body, as: UTF8.self).contains("token file"))
    }

    @Test("What the balancer refuses is told with its words")
    func refusals() throws {
        let server = try TestServer()
        let kinds: [(Refusal.Kind, Int)] = [(.missing, 404), (.invalid, 400), (.conflict, 409), (.silent, 504)]
        for (kind, status) in kinds {
            server.balancer.answer(.refusing("There is no pool \"x\"; there is web.", kind))
            let story = try server.operatorClient.get("/v1/sessions/00000000000000ff/why")
            #expect(story.status == status)
            #expect(try JSONDecoder().decode(Refusal.self, from: Data(story.body)).error.contains("there is web"))
            #expect(try server.operatorClient.get("/v1/sessions?pool=x").status == status)
            #expect(try server.operatorClient.send("POST", "/v1/config/reload").status == status)
            #expect(try server.operatorClient.get("/v1/config/diff").status == status)
        }
    }

    @Test("A balancer that does not answer is 504, and its late answer goes to nobody else")
    func silentBalancer() throws {
        var times = Times.patient
        // Within it the second question must be answered.
        times.question = .seconds(3)
        let server = try TestServer(times: times)
        server.balancer.answer(.later)
        let raw = try server.unix()
        raw.send("GET /v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(raw.readAnswer()?.status == 504)
        raw.send("GET /v1/config/diff HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { server.balancer.keptCount == 2 })
        server.balancer.answerKept()
        #expect(raw.readAnswer()?.body.contains("nothing changes") == true)
        raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(raw.readAnswer()?.body == "alive\n")
    }

    @Test("Answers that come after the end of the server are dropped")
    func lateAnswers() throws {
        let server = try TestServer()
        server.balancer.answer(.later)
        let raw = try server.unix()
        raw.send("GET /v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { server.balancer.keptCount == 1 })
        server.server.stop()
        server.balancer.answerKept()
        server.balancer.add(event: "late")
        #expect(raw.readAll() == "")
        server.server.stop()
    }

    @Test("A server that cannot listen says where, why and what helps, and keeps nothing open")
    func addressInUse() throws {
        let server = try TestServer()
        var settings = AdministrationServer.Settings()
        settings.addresses = [AdministrationServer.Address(host: "127.0.0.1", port: server.port)]
        let error = #expect(throws: AdministrationServerError.self) {
            try AdministrationServer.start(settings, of: ScriptedBalancer())
        }
        let text = try #require(error?.description)
        #expect(
            text.contains("127.0.0.1:\(server.port)") && text.contains("already in use")
                && text.contains("another port"))
        settings.addresses = [AdministrationServer.Address(host: "192.0.2.1", port: 9000)]
        #expect(throws: AdministrationServerError.self) {
            try AdministrationServer.start(settings, of: ScriptedBalancer())
        }
        settings.addresses = [AdministrationServer.Address(host: "127.0.0.1", port: 70_000)]
        #expect(throws: AdministrationServerError.self) {
            try AdministrationServer.start(settings, of: ScriptedBalancer())
        }
    }
}

extension AdministrationClient {
    /// Asks for a target.
    func ask<Value: Decodable>(_ type: Value.Type, _ target: String) throws -> Value { try ask(type, "GET", target) }
}
