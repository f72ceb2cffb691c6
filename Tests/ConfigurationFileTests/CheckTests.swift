import Balancer
import Testing

@testable import ConfigurationFile

/// The keys of `check`, as what probes are made from.
@Suite struct CheckTests {
    private static func health(_ check: String) throws -> Configuration.HealthCheck {
        let text = """
            listeners: {web: {bind: "127.0.0.1:80", pool: web}}
            pools:
              web:
                backends: "10.0.0.1:80"
                check: \(check)
            """
        return try Document.read(text: text).configuration(.staged).pools[0].health
    }

    @Test func anExchange() throws {
        let health = try Self.health(#"{kind: exchange, send: "PING\r\n", expect: '+PONG\x00'}"#)
        #expect(health.kind == .exchange)
        #expect(health.steps == [.send(Array("PING\r\n".utf8)), .expect(Array("+PONG\0".utf8))])
        #expect(try Self.health("{kind: exchange, expect: 'SSH'}").steps == [.expect(Array("SSH".utf8))])
    }

    @Test func severalSteps() throws {
        let health = try Self.health(#"{kind: exchange, steps: [{find: 'a'}, {send: "$$b"}, {expect: '\xff'}]}"#)
        #expect(health.steps == [.find(Array("a".utf8)), .send(Array("$b".utf8)), .expect([0xFF])])
    }

    @Test func http() throws {
        let standard = try Self.health("{kind: http}")
        #expect(standard.kind == .http && standard.http == .init())
        let health = try Self.health("{kind: http, path: /h, host: a.b, status: [200-299, 404], body: 'ok'}")
        #expect(health.http.path == "/h" && health.http.host == "a.b" && health.http.body == Array("ok".utf8))
        #expect(health.http.statuses == [200...299, 404...404])
    }

    @Test func intervalsAndPort() throws {
        let health = try Self.health("{fast_interval: 500ms, down_interval: 10s, port: 81}")
        #expect(health.kind == .tcp && health.interval == .seconds(5) && health.port == 81)
        #expect(health.fastInterval == .milliseconds(500) && health.downInterval == .seconds(10))
        // As the shortest interval.
        #expect(health.timeout == .milliseconds(500))
        let standard = try Self.health("{}")
        #expect(standard.fastInterval == nil && standard.downInterval == nil && standard.port == nil)
        #expect(standard.timeout == .seconds(2))
    }

    @Test func anAgent() throws {
        let text = """
            listeners: {web: {bind: "127.0.0.1:80", pool: a}}
            pools:
              a: {backends: "10.0.0.1:80", agent: {port: 9000, interval: 1s, send: 'x\\n'}}
              b: {backends: "10.0.0.1:80", agent: {port: 1, interval: 10s, timeout: 3s}}
              c: {backends: "10.0.0.1:80"}
            """
        let pools = try Document.read(text: text).configuration(.staged).pools
        #expect(
            pools[0].agent == .init(port: 9000, interval: .seconds(1), timeout: .seconds(1), send: Array("x\n".utf8)))
        #expect(pools[1].agent == .init(port: 1, interval: .seconds(10), timeout: .seconds(3)))
        #expect(pools[2].agent == nil)
    }

    /// What is printed of bytes is read as the same bytes.
    @Test func bytesComeBack() throws {
        let bytes = Array(UInt8.min...UInt8.max) + Array("$$ ${A} '' \" # }".utf8)
        let text = YAMLWriter.singleQuoted(EscapedBytes.text(bytes))
        #expect(try Self.health("{kind: exchange, expect: \(text)}").steps == [.expect(bytes)])
    }
}
