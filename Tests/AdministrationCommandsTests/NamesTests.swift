import AdministrationAPI
import AdministrationClient
import Testing
import Top

@testable import AdministrationCommands

@Suite("Names of a running balancer") struct NamesTests {
    private let names = Names(sampleStatus())

    @Test("a bare name or an address where it is unique, pool and name always")
    func found() throws {
        #expect(try names.backend("b1") == BackendReference(pool: "web", backend: "b1"))
        #expect(try names.backend("api/b2") == BackendReference(pool: "api", backend: "b2"))
        #expect(try names.backend("10.0.1.2:80") == BackendReference(pool: "api", backend: "b2"))
        #expect(try names.backend("server1:8090").pool == "api")
        #expect(try names.backend("b2", in: "web") == BackendReference(pool: "web", backend: "b2"))
        #expect(try names.pool("web") == "web" && names.listener("web") == "web")
    }

    private func complaint<Value>(_ body: () throws(Fault) -> Value) -> String {
        do throws(Fault) {
            _ = try body()
            return "no fault"
        } catch {
            return error.text
        }
    }

    @Test("an error says what would have been right")
    func missing() {
        #expect(
            complaint { () throws(Fault) in try names.backend("b3") }
                == "no backend 'b3': there are web/b1, web/b2, api/b2, api/server1:8090; did you mean web/b1, "
                + "web/b2 or api/b2?"
        )
        #expect(
            complaint { () throws(Fault) in try names.backend("wbe/b1") }
                == "no backend 'wbe/b1': there are web/b1, web/b2, api/b2, api/server1:8090; did you mean web/b1?")
        #expect(
            complaint { () throws(Fault) in try names.backend("b2") }
                == "'b2' is not unique: give one of web/b2, api/b2")
        #expect(
            complaint { () throws(Fault) in try names.pool("ap") }
                == "no pool 'ap': there are web, api; did you mean api?")
        #expect(complaint { () throws(Fault) in try names.listener("x") } == "no listener 'x': there is web")
        #expect(
            complaint { () throws(Fault) in try Names(sampleStatus { $0.pools = [] }).backend("b1") }
                == "no backend 'b1': the balancer has no backend")
        let many = sampleStatus { status in
            status.pools[0].backends = (0..<50).map {
                Status.Backend(name: "n\($0)", address: nil, state: "up", weight: 1)
            }
        }
        #expect(complaint { () throws(Fault) in try Names(many).backend("zzz") }.contains("there are 52 others"))
    }

    @Test("a name in a path or a query is percent-encoded")
    func encoding() {
        #expect(
            Target.state(of: BackendReference(pool: "a b", backend: "unix:/x?#ü"))
                == "/v1/pools/a%20b/backends/unix%3A%2Fx%3F%23%C3%BC/state")
        #expect(
            Target.query("/v1/sessions", [("pool", nil), ("client", "10.0.0.0/8")])
                == "/v1/sessions?client=10.0.0.0%2F8")
        #expect(Target.query("/v1/sessions", [("pool", nil)]) == "/v1/sessions")
    }

    @Test("a place is a path, or an address with its port")
    func places() throws {
        #expect(try AdministrationClient.Place.parse("/run/x.sock") == .unix("/run/x.sock"))
        #expect(try AdministrationClient.Place.parse("@abstract") == .unix("@abstract"))
        #expect(try AdministrationClient.Place.parse("127.0.0.1:9000") == .tcp(host: "127.0.0.1", port: 9000))
        #expect(try AdministrationClient.Place.parse("[::1]:9000").description == "[::1]:9000")
        #expect(try AdministrationClient.Place.parse("localhost:9000") == .tcp(host: "localhost", port: 9000))
        for wrong in ["", "127.0.0.1:0", "127.0.0.1:70000", String(repeating: "x", count: 200)] {
            #expect(throws: (any Error).self) { try AdministrationClient.Place.parse(wrong) }
        }
    }
}
