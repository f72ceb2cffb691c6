import Testing

/// What servers see of checks that say something, and what becomes of a backend.
@Suite("Active checks", .ownThread)
struct ActiveCheckTests {
    @Test("an exchange ends with a FIN, though the server has sent more than was asked for")
    func exchange() throws {
        let server = try ListeningSocket()
        let balancer = try ConfiguredBalancer.start(
            ["\"127.0.0.1:\(server.port)\""],
            pool: ["check: {kind: exchange, send: 'PING\\r\\n', expect: '+PONG', interval: 2s, fall: 1}"],
            isReady: false)
        var answer = "+PONG\r\nand more"
        for state in ["1 of 1 backends up", "0 of 1 backends up"] {
            let side = try server.acceptClient()
            try side.expect("PING\r\n")
            try side.send(answer)
            let (bytes, ending) = try side.receiveToEnd()
            #expect(bytes.isEmpty && ending == .finished, "\(ending)")
            side.close()
            try balancer.wait(forStatus: state.hasPrefix("1") ? "serving: \(state)" : "no-backend: \(state)")
            answer = "-LOADING\r\n"
        }
        try eventually("the log tells what came instead") {
            balancer.program.errors.texts.contains { $0.contains(#"got "-LOADING\r\n" and not "+PONG""#) }
        }
    }

    @Test("a status that is not wanted takes a backend down, at the port of the check")
    func http() throws {
        let (server, health) = (try ListeningSocket(), try ListeningSocket())
        let balancer = try ConfiguredBalancer.start(
            ["\"127.0.0.1:\(server.port)\""],
            pool: ["check: {kind: http, path: /health, interval: 2s, fall: 1, port: \(health.port)}"], isReady: false)
        for (status, state) in [
            ("200 OK", "serving: 1 of 1 backends up"), ("503 Unavailable", "no-backend: 0 of 1 backends up"),
        ] {
            let side = try health.acceptClient()
            try side.expect("GET /health HTTP/1.1\r\nHost: 127.0.0.1:\(health.port)\r\n")
            try side.send("HTTP/1.1 \(status)\r\nContent-Length: 2\r\n\r\nok")
            side.finishSending()
            #expect(try side.receiveToEnd().ending == .finished)
            side.close()
            try balancer.wait(forStatus: state)
        }
        try eventually("the log tells the status") {
            balancer.program.errors.texts.contains { $0.contains("status 503 and not 200-399") }
        }
    }
}
