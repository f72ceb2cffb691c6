import AdministrationAPI
import Testing

@testable import Administration

@Suite("Router: who may do what")
struct SecurityTests {
    private static let reload = "/v1/config/reload"
    private static let state = "/v1/pools/web/backends/b2/state"
    private static let body = #"{"state":"drain"}"#

    @Test("Over the Unix socket everything is allowed: its file guards it")
    func socket() {
        let request = Request.socket(
            "POST", Self.state, body: Self.body,
            [
                "Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site",
                "Content-Type": "application/x-www-form-urlencoded",
            ])
        #expect(refusal(request) == nil)
    }

    @Test("Over TCP everything may be read without a token, and nothing changed")
    func reads() {
        #expect(router.decide(.tcp("GET", "/v1/status")) == .ask(.status(mayChange: false)))
        #expect(refusal(.tcp("GET", "/v1/sessions")) == nil)
        #expect(refusal(.tcp("POST", Self.reload)) == 401)
        #expect(refusal(.tcp("DELETE", "/v1/sessions?backend=b2")) == 401)
        #expect(refusal(.tcp("POST", Self.state, body: Self.body, ["Content-Type": "application/json"])) == 401)
    }

    @Test("A right token allows changes, and says so in the status")
    func rightToken() {
        let fields = ["Authorization": "Bearer token"]
        #expect(router.decide(.tcp("GET", "/v1/status", fields)) == .ask(.status(mayChange: true)))
        #expect(router.decide(.tcp("POST", Self.reload, fields)) == .ask(.wish(.reload, asker: "token")))
        #expect(refusal(.tcp("POST", Self.reload, ["authorization": "bearer  token "])) == nil)
    }

    @Test(
        "A wrong token is refused, also for reading, where its owner would otherwise not notice",
        arguments: [
            "Bearer tokeN", "Bearer token2", "Bearer toke", "Bearer", "Bearer ", "Basic token", "token",
            "Bearer tokentoken",
            "Bearer \u{E9}",
        ])
    func wrongToken(_ value: String) {
        #expect(refusal(.tcp("POST", Self.reload, ["Authorization": value])) == 401)
        #expect(refusal(.tcp("GET", "/v1/status", ["Authorization": value])) == 401)
    }

    @Test("Without a token file changes over TCP are refused, and the answer says how to enable them")
    func noTokens() {
        for tokens in [Tokens([]), Tokens([[]])] {
            let router = Router(
                hosts: HostRules(addresses: [AdministrationServer.Address(host: "127.0.0.1", port: 9000)]),
                tokens: tokens)
            for value in ["Bearer ", "Bearer token", ""] {
                guard case .refuse(let refused) = router.decide(.tcp("POST", Self.reload, ["Authorization": value]))
                else {
                    Issue.record("a change is allowed without any token")
                    continue
                }
                #expect(refused.status == 403)
                #expect(refused.text.contains("token file"))
                #expect(refused.text.contains("Unix socket"))
            }
        }
    }

    @Test("Two Authorization fields are refused: another reader could take the other one")
    func twoTokens() {
        var request = Request.tcp("POST", Self.reload, ["Authorization": "Bearer token"])
        request.fields.append(Request.Field(name: "authorization", value: "Bearer token"))
        #expect(refusal(request) == 400)
    }

    @Test("A body over TCP is taken as JSON only, which a form of another page cannot send")
    func contentType() {
        for type in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "application/jsonx", ""]
        {
            let fields = ["Authorization": "Bearer token", "Content-Type": type]
            #expect(refusal(.tcp("POST", Self.state, body: Self.body, fields)) == 415)
        }
        #expect(refusal(.tcp("POST", Self.state, body: Self.body, ["Authorization": "Bearer token"])) == 415)
        let fields = ["Authorization": "Bearer token", "Content-Type": "Application/JSON ; charset=utf-8"]
        #expect(refusal(.tcp("POST", Self.state, body: Self.body, fields)) == nil)
    }

    @Test("Over TCP an unknown Host is refused for each request: a page of another name reads nothing")
    func hosts() {
        for host in [
            "evil.example:9000", "evil.example", "127.0.0.1:9001", "127.0.0.1", "localhost.evil.example:9000", "",
            "127.0.0.1:9000.evil.example", "10.0.0.1:9000", "127.0.0.1:9000@evil.example", "127.0.0.1:09000",
        ] {
            #expect(refusal(.tcp("GET", "/v1/status", ["Host": host])) == 421, "\(host)")
            #expect(refusal(.tcp("GET", "/", ["Host": host])) == 421, "\(host)")
        }
        for host in ["127.0.0.1:9000", "localhost:9000", "LOCALHOST:9000", "[::1]:9000"] {
            #expect(refusal(.tcp("GET", "/v1/status", ["Host": host])) == nil, "\(host)")
        }
    }

    @Test("Names that the operator lists are taken, and behind an address of the whole machine each IP address")
    func moreHosts() {
        let rules = HostRules(
            addresses: [AdministrationServer.Address(host: "0.0.0.0", port: 9000)],
            further: ["Admin.example", "proxy.example:8443"])
        for host in [
            "admin.example", "admin.example:9000", "admin.example:1", "proxy.example:8443", "10.0.0.7:9000",
            "[fd00::1]:9000",
            "localhost:9000",
        ] {
            #expect(rules.accept(host), "\(host)")
        }
        for host in [
            "proxy.example", "proxy.example:9000", "evil.example:9000", "10.0.0.7:80", "10.0.0:9000", "[x]:9000",
        ] {
            #expect(!rules.accept(host), "\(host)")
        }
        let web = HostRules(addresses: [AdministrationServer.Address(host: "10.0.0.1", port: 80)])
        #expect(web.accept("10.0.0.1") && web.accept("10.0.0.1:80") && !web.accept("10.0.0.2"))
    }

    @Test("A foreign Origin is refused, also with a token")
    func origins() {
        for origin in [
            "http://evil.example", "null", "http://127.0.0.1:9001", "https://127.0.0.1", "http://localhost:9000",
            "file://127.0.0.1:9000", "http://127.0.0.1:9000/", "http://127.0.0.1:9000.evil.example", "",
        ] {
            let fields = ["Authorization": "Bearer token", "Origin": origin]
            #expect(refusal(.tcp("POST", Self.reload, fields)) == 403, "\(origin)")
            #expect(refusal(.tcp("GET", "/v1/status", fields)) == 403, "\(origin)")
        }
        for origin in ["http://127.0.0.1:9000", "https://127.0.0.1:9000"] {
            #expect(refusal(.tcp("POST", Self.reload, ["Authorization": "Bearer token", "Origin": origin])) == nil)
        }
        var twice = Request.tcp("GET", "/v1/status", ["Origin": "http://127.0.0.1:9000"])
        twice.fields.append(Request.Field(name: "Origin", value: "http://evil.example"))
        #expect(refusal(twice) == 403)
    }

    @Test("A page of another site may lead to the page, and gets nothing else")
    func crossSite() {
        #expect(refusal(.tcp("GET", "/", ["Sec-Fetch-Site": "cross-site"])) == nil)
        #expect(refusal(.tcp("GET", "/v1/status", ["Sec-Fetch-Site": "cross-site"])) == 403)
        #expect(refusal(.tcp("GET", "/page.js", ["Sec-Fetch-Site": "Cross-Site"])) == 403)
        let fields = ["Authorization": "Bearer token", "Sec-Fetch-Site": "cross-site"]
        #expect(refusal(.tcp("POST", Self.reload, fields)) == 403)
        #expect(refusal(.tcp("GET", "/v1/status", ["Sec-Fetch-Site": "same-origin"])) == nil)
    }

    @Test("Fields of which two readers make two requests are refused")
    func ambiguousFields() {
        let pairs: [[(String, String)]] = [
            [("Content-Length", "1"), ("Content-Length", "1")],
            [("Content-Length", "1"), ("Transfer-Encoding", "chunked")],
            [("Transfer-Encoding", "chunked"), ("transfer-encoding", "chunked")],
            [("Transfer-Encoding", "gzip, chunked")],
            [("Transfer-Encoding", "identity")], [("host", "127.0.0.1:9000")], [("X", "a\u{0}b")], [("X", "a\nb")],
            [("X", "\u{FFFD}")], [("X", "a\u{7F}")],
        ]
        for fields in pairs {
            for peer in [Request.Peer.tcp, .socket(user: "uid 1")] {
                var request = Request.tcp("GET", "/v1/status")
                request.peer = peer
                request.fields += fields.map { Request.Field(name: $0.0, value: $0.1) }
                #expect(refusal(request) == 400, "\(fields)")
            }
        }
        let none = Request(method: "GET", target: "/v1/status", fields: [], peer: .socket(user: "uid 1"))
        #expect(refusal(none) == 400)
    }

    @Test("HTTP/1.0 needs no Host over the Unix socket, and a known one over TCP")
    func oldHTTP() {
        var request = Request(
            method: "GET", target: "/v1/status", fields: [], peer: .socket(user: "uid 1"), isOld: true)
        #expect(refusal(request) == nil)
        request.peer = .tcp
        #expect(refusal(request) == 421)
    }

    @Test("Tokens are compared as a whole: no prefix and no repetition is equal")
    func comparison() {
        let token = Array("secret".utf8)
        #expect(Tokens.isEqual(token, token))
        for other in ["", "s", "secre", "secrets", "secretsecret", "SECRET", "secreu", "tecret"] {
            #expect(!Tokens.isEqual(Array(other.utf8), token), "\(other)")
        }
        #expect(!Tokens.isEqual([], []))
    }

    @Test("The user of a Unix socket's peer has its name of the user file, or its number")
    func users() {
        let file = Array("root:x:0:0:root:/root:/bin/bash\nbroken\n::7:\nalice:x:1000:1000::/home/alice:/bin/sh\n".utf8)
        #expect(UserNames.name(of: 0, in: file) == "root")
        #expect(UserNames.name(of: 1000, in: file) == "alice")
        #expect(UserNames.name(of: 7, in: file) == nil)
        #expect(UserNames.name(of: 1, in: file) == nil)
    }
}

extension Request {
    fileprivate static func tcp(_ method: String, _ target: String, _ fields: [String: String]) -> Request {
        tcp(method, target, body: "", fields)
    }
}
