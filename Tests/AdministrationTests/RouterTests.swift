import AdministrationAPI
import Testing

@testable import Administration

/// A router for 127.0.0.1:9000 with one token.
let router = Router(
    hosts: HostRules(addresses: [AdministrationServer.Address(host: "127.0.0.1", port: 9000)]),
    tokens: Tokens([Array("token".utf8)]))

extension Request {
    /// A request over the Unix socket.
    static func socket(_ method: String, _ target: String, body: String = "", _ fields: [String: String] = [:])
        -> Request
    {
        var fields = fields.map { Field(name: $0.key, value: $0.value) }
        if !fields.contains(where: { $0.name == "Host" }) { fields.append(Field(name: "Host", value: "x")) }
        return Request(
            method: method, target: target, fields: fields, peer: .socket(user: "user alice"), body: Array(body.utf8))
    }

    /// A request over TCP, with a right `Host` where it has none.
    static func tcp(_ method: String, _ target: String, body: String = "", _ fields: [String: String] = [:]) -> Request
    {
        var request = socket(method, target, body: body, ["Host": "127.0.0.1:9000"].merging(fields) { $1 })
        request.peer = .tcp
        return request
    }
}

/// The status with which a request is refused; nil when it is not.
func refusal(_ request: Request, by router: Router = router) -> Int? {
    guard case .refuse(let refused) = router.decide(request) else { return nil }
    return refused.status
}

@Suite("Router: which answer a request gets")
struct RouterTests {
    @Test("Reading requests are questions to the balancer")
    func reads() {
        let id = "00000000000000ff"
        let expected: [(String, Decision)] = [
            ("/v1/status", .ask(.status(mayChange: true))), ("/metrics", .ask(.metrics)), ("/readyz", .ask(.readiness)),
            ("/v1/events", .ask(.events(after: 0))), ("/v1/events?after=7", .ask(.events(after: 7))),
            ("/v1/sessions/00000000000000FF/why", .ask(.story(id: id))), ("/v1/config", .ask(.configuration)),
            ("/v1/config/diff", .ask(.difference)),
        ]
        for (target, decision) in expected { #expect(router.decide(.socket("GET", target)) == decision) }
    }

    @Test("Sessions are asked for by any of their properties")
    func sessions() {
        var question = SessionQuestion()
        question.pool = "web"
        question.backend = "10.0.0.1:80"
        question.listener = "a b"
        question.client = "10.0.0.0/8"
        question.olderSeconds = 3600
        question.idleSeconds = 0.5
        question.isStalled = true
        question.limit = 5
        let target =
            "/v1/sessions?pool=web&backend=10.0.0.1%3A80&listener=a+b&client=10.0.0.0/8&older=1h&idle=500ms&stalled=yes"
            + "&limit=5"
        #expect(router.decide(.socket("GET", target)) == .ask(.sessions(question)))
        #expect(router.decide(.socket("GET", "/v1/sessions")) == .ask(.sessions(SessionQuestion())))
    }

    @Test("Changing requests are wishes, with the name of whoever asks")
    func wishes() {
        var setting = SettingWish()
        setting.weight = "50%"
        setting.forSeconds = 600
        var limit = SettingWish()
        limit.perClient = "50"
        let expected: [(String, String, String, Wish)] = [
            (
                "POST", "/v1/pools/web/backends/b2/state", #"{"state":"drain","for_seconds":60,"dry_run":true}"#,
                .backendState(pool: "web", backend: "b2", StateWish(state: "drain", forSeconds: 60, dryRun: true))
            ),
            (
                "PATCH", "/v1/pools/a%2Fb/backends/%5B::1%5D:80", #"{"weight":"50%","for_seconds":600}"#,
                .backendSetting(pool: "a/b", backend: "[::1]:80", setting)
            ),
            (
                "POST", "/v1/pools/web/backends", #"{"address":"10.0.0.4:80","name":"b4"}"#,
                .addBackend(pool: "web", NewBackend(address: "10.0.0.4:80", name: "b4"))
            ),
            (
                "DELETE", "/v1/pools/web/backends/b2?dry_run=yes", "",
                .removeBackend(pool: "web", backend: "b2", isDryRun: true)
            ),
            (
                "POST", "/v1/listeners/web/state", #"{"state":"paused"}"#,
                .listenerState(listener: "web", StateWish(state: "paused"))
            ),
            ("PATCH", "/v1/listeners/web", #"{"per_client":"50"}"#, .listenerSetting(listener: "web", limit)),
            ("DELETE", "/v1/sessions/00000000000000ff", "", .killSession(id: "00000000000000ff", isDryRun: false)),
            (
                "DELETE", "/v1/sessions?backend=b2&pool=web", "",
                .killSessions(pool: "web", backend: "b2", isDryRun: false)
            ),
            ("POST", "/v1/config/reload", "", .reload),
        ]
        for (method, target, body, wish) in expected {
            #expect(router.decide(.socket(method, target, body: body)) == .ask(.wish(wish, asker: "user alice")))
            let fields = ["Authorization": "Bearer token", "Content-Type": "application/json; charset=utf-8"]
            #expect(router.decide(.tcp(method, target, body: body, fields)) == .ask(.wish(wish, asker: "token")))
        }
    }

    @Test("GET and HEAD change nothing: where only changes are, they are refused with the methods that there are")
    func readsNeverChange() {
        let places = [
            "/v1/pools/web/backends": "POST", "/v1/pools/web/backends/b2": "PATCH, DELETE",
            "/v1/pools/web/backends/b2/state": "POST", "/v1/listeners/web": "PATCH", "/v1/listeners/web/state": "POST",
            "/v1/config/reload": "POST", "/v1/sessions/00000000000000ff": "DELETE",
        ]
        for (target, allowed) in places {
            for method in ["GET", "HEAD", "OPTIONS", "BREW"] {
                guard case .refuse(let refused) = router.decide(.socket(method, target)) else {
                    Issue.record("\(method) \(target) is not refused")
                    continue
                }
                #expect(refused.status == 405)
                #expect(Answer(refused).fields.contains(Request.Field(name: "Allow", value: allowed)))
            }
        }
        #expect(refusal(.socket("POST", "/v1/status")) == 405)
        #expect(refusal(.socket("DELETE", "/")) == 405)
    }

    @Test("What does not exist is 404, and the answer lists what does")
    func notFound() {
        for target in [
            "/nope", "/v1", "/v1/pools", "/v1/pools/web", "/v1/pools/web/backends/b2/state/x", "/v1/sessions/1/2/3",
            "/v2/status", "/metrics/x", "/page.json",
        ] {
            guard case .refuse(let refused) = router.decide(.socket("GET", target)) else {
                Issue.record("\(target) is not refused")
                continue
            }
            #expect(refused.status == 404)
            #expect(refused.text.contains("/v1/status"))
        }
    }

    @Test(
        "Targets that two readers could understand differently are refused",
        arguments: [
            "http://127.0.0.1:9000/v1/status", "127.0.0.1:443", "*", "", "v1/status", "/../etc/passwd", "/v1/../status",
            "/v1/%2e%2e/status", "/v1/./status", "/v1//status", "/v1/status/", "/%", "/%4", "/%zz", "/v1/%00status",
            "/v1/status%0a", "/v1/%ff", "/v1/%c3", "/v1/status#x", "/v1/st\u{E4}tus", "/v1/ status", "/v1/status?x=%00",
            "/v1/sessions?pool=%", "/v1/sessions?pool=%80",
        ])
    func badTargets(_ target: String) {
        #expect(refusal(.socket("GET", target)) == 400)
        #expect(refusal(.tcp("GET", target)) == 400)
    }

    @Test("Queries with unknown, repeated, empty or wrong values are refused, not left out")
    func badQueries() {
        for target in [
            "/v1/status?x=1", "/v1/sessions?pol=web", "/v1/sessions?pool=a&pool=b", "/v1/sessions?pool=",
            "/v1/sessions?older=1y", "/v1/sessions?older=-1s", "/v1/sessions?older=nan",
            "/v1/sessions?older=999999999d",
            "/v1/sessions?limit=0", "/v1/sessions?limit=10001", "/v1/sessions?stalled=true", "/v1/events?only=all",
            "/v1/events?only=status", "/v1/events?after=-1", "/metrics?a", "/?a=b",
        ] {
            #expect(refusal(.socket("GET", target)) == 400, "\(target)")
        }
        for target in [
            "/v1/sessions", "/v1/sessions?pool=web", "/v1/sessions?backend=b2&dryrun=yes",
            "/v1/sessions?backend=b2&dry_run=true", "/v1/sessions/12", "/v1/sessions/000000000000000g",
        ] {
            #expect(refusal(.socket("DELETE", target)) == 400, "\(target)")
        }
        #expect(refusal(.socket("POST", "/v1/config/reload?dry_run=yes")) == 400)
    }

    @Test("Bodies with unknown names, other kinds of values or times without an end are refused, not left out")
    func badBodies() {
        let place = "/v1/pools/web/backends/b2/state"
        for body in [
            "", "drain", "[]", "{}", #"{"state":1}"#, #"{"state":"drain","for":60}"#,
            #"{"state":"drain","forSeconds":60}"#,
            #"{"state":"drain","for_seconds":"60"}"#, #"{"state":"drain","for_seconds":0}"#,
            #"{"state":"drain","for_seconds":-1}"#, #"{"state":"drain","for_seconds":1e9}"#,
            #"{"state":"drain","for_seconds":1e999}"#, #"{"state":"drain"} x"#, "\u{0}",
            String(repeating: "[", count: 60_000), #"{"state":"#,
        ] {
            #expect(refusal(.socket("POST", place, body: body)) == 400, "\(body.prefix(60))")
        }
        #expect(refusal(.socket("PATCH", "/v1/pools/web/backends/b2", body: #"{"per_client":"5"}"#)) == 400)
        #expect(refusal(.socket("PATCH", "/v1/pools/web/backends/b2", body: #"{"for_seconds":5}"#)) == 400)
        #expect(refusal(.socket("PATCH", "/v1/listeners/web", body: #"{"weight":"5"}"#)) == 400)
        #expect(refusal(.socket("POST", "/v1/pools/web/backends", body: #"{"name":"b"}"#)) == 400)
        #expect(refusal(.socket("DELETE", "/v1/pools/web/backends/b2", body: #"{"dry_run":true}"#)) == 400)
        #expect(refusal(.socket("POST", "/v1/config/reload", body: #"{"dry_run":true}"#)) == 400)
        #expect(refusal(.socket("GET", "/v1/status", body: "x")) == 400)
    }

    @Test("A stream goes on after the last event that its client has seen")
    func streams() {
        let accept = ["Accept": "text/html, text/event-stream;q=0.9"]
        #expect(router.decide(.socket("GET", "/v1/events", accept)) == .stream(Subscription(mayChange: true)))
        #expect(
            router.decide(.tcp("GET", "/v1/events?only=log&after=3", accept))
                == .stream(Subscription(wantsStatus: false, after: EventID(number: 3))))
        #expect(
            router.decide(.tcp("GET", "/v1/events?only=status&after=3", accept.merging(["Last-Event-ID": "9"]) { $1 }))
                == .stream(Subscription(wantsLog: false, after: EventID(number: 9))))
        #expect(
            router.decide(.tcp("GET", "/v1/events", accept.merging(["Last-Event-ID": "17-1795814100250.9"]) { $1 }))
                == .stream(Subscription(after: EventID(process: "17-1795814100250", number: 9))))
        for strange in ["x", "", ".", ".9", "17-1.", "17-1.x", "17-1.9.9", "17-1.99999999999999999999", "-9"] {
            #expect(
                router.decide(.tcp("GET", "/v1/events", accept.merging(["Last-Event-ID": strange]) { $1 }))
                    == .stream(Subscription()), "\(strange)")
        }
    }
}

extension Request {
    fileprivate static func socket(_ method: String, _ target: String, _ fields: [String: String]) -> Request {
        socket(method, target, body: "", fields)
    }

    fileprivate static func tcp(_ method: String, _ target: String, _ fields: [String: String]) -> Request {
        tcp(method, target, body: "", fields)
    }
}
