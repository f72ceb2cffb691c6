import AdministrationAPI
import AdministrationClient
import Testing

@testable import Administration

@Suite("Server: HTTP on the wire")
struct WireTests {
    @Test("Requests that were sent together are answered in their order, also where an early answer takes longest")
    func pipelining() throws {
        let server = try TestServer()
        server.balancer.answer(.later)
        let raw = try server.tcp()
        raw.send(
            server.request("GET", "/v1/sessions") + server.request("GET", "/healthz") + server.request("GET", "/nope")
                + server.request("GET", "/v1/config/diff") + server.request("GET", "/readyz"))
        #expect(eventually { server.balancer.keptCount == 1 })
        server.balancer.answerKept()
        #expect(eventually { server.balancer.keptCount == 1 })
        server.balancer.answerKept()
        var bodies: [String] = []
        for _ in 0..<5 { bodies.append(try #require(raw.readAnswer()).body) }
        #expect(bodies[0].contains("\"matched\":7"))
        #expect(bodies[1] == "alive\n")
        #expect(bodies[2].contains("There is no"))
        #expect(bodies[3].contains("nothing changes"))
        #expect(bodies[4] == "serving\n")
    }

    @Test("More requests than are read at once are all answered")
    func longPipeline() throws {
        let server = try TestServer()
        let raw = try server.unix()
        let count = 2000
        let isSent = raw.send(String(repeating: "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", count: count))
        #expect(isSent)
        var answers = 0
        while answers < count, raw.readAnswer()?.body == "alive\n" { answers += 1 }
        #expect(answers == count)
    }

    @Test("HTTP/1.0 is answered and closed")
    func oldHTTP() throws {
        let server = try TestServer()
        let raw = try server.tcp()
        raw.send("GET /healthz HTTP/1.0\r\nHost: 127.0.0.1:\(server.port)\r\nConnection: keep-alive\r\n\r\n")
        let all = raw.readAll()
        #expect(all.hasPrefix("HTTP/1.1 200 OK\r\n") && all.hasSuffix("\r\n\r\nalive\n"))
        #expect(all.contains("Connection: close"))
        let bare = try server.unix()
        bare.send("GET /healthz HTTP/1.0\r\n\r\n")
        #expect(bare.readAll().hasSuffix("alive\n"))
    }

    @Test("HEAD is answered as GET, without the body")
    func head() throws {
        let server = try TestServer()
        let raw = try server.tcp()
        raw.send(server.request("HEAD", "/healthz") + server.request("GET", "/healthz"))
        let head = try #require(raw.readAnswer(hasBody: false))
        #expect(head.status == 200 && head.head.contains("Content-Length: 6"))
        #expect(raw.readAnswer()?.body == "alive\n")
    }

    @Test("A client that ends its output after the request gets the answers")
    func halfClose() throws {
        let server = try TestServer()
        let raw = try server.unix()
        raw.send(String(repeating: "GET /v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n", count: 3))
        raw.endOutput()
        #expect(raw.readAll().components(of: "\"matched\":7") == 3)
    }

    @Test("A body in chunks, and one of which the client asks first whether to send it, arrive")
    func bodies() throws {
        let server = try TestServer()
        let place = "/v1/listeners/web/state HTTP/1.1\r\nHost: x\r\n"
        let body = #"{"state":"paused"}"#
        let chunked = try server.unix()
        chunked.send("POST \(place)Transfer-Encoding: chunked\r\n\r\n")
        for byte in body { chunked.send("1\r\n\(byte)\r\n") }
        chunked.send("0\r\n\r\n")
        #expect(chunked.readAnswer()?.status == 200)
        let asking = try server.unix()
        asking.send("POST \(place)Content-Length: \(body.utf8.count)\r\nExpect: 100-continue\r\n\r\n")
        #expect(asking.readAnswer()?.status == 100)
        asking.send(body)
        #expect(asking.readAnswer()?.status == 200)
        #expect(
            server.balancer.wishes.map(\.wish)
                == Array(repeating: .listenerState(listener: "web", StateWish(state: "paused")), count: 2))
    }

    @Test("A head of more than 8 KiB is 431, whatever it consists of")
    func longHeads() throws {
        let server = try TestServer()
        let long = String(repeating: "a", count: 9000)
        let heads = [
            "GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX: \(long)\r\n\r\n",
            "GET / HTTP/1.1\r\n\(long): x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n" + (0..<900).map { "X-\($0): abcdef\r\n" }.joined() + "\r\n",
            "GET /\(long)", "GET / HTTP/1.1\r\nHost: x\r\nX: \(long)",
        ]
        for head in heads {
            let raw = try server.unix()
            raw.send(head)
            #expect(raw.readAnswer()?.status == 431)
            #expect(raw.readAll() == "")
        }
        #expect(server.balancer.wishes.isEmpty)
    }

    @Test("A body of more than 64 KiB is 413, also one in chunks, and the answer is not lost")
    func longBodies() throws {
        let server = try TestServer()
        let head = "POST /v1/config/reload HTTP/1.1\r\nHost: x\r\n"
        for length in ["65537", "99999999999999999999", "18446744073709551615"] {
            let raw = try server.unix()
            raw.send("\(head)Content-Length: \(length)\r\n\r\n")
            let status = raw.readAnswer()?.status
            #expect(status == 413 || status == 400)
        }
        let chunked = try server.unix()
        chunked.send("\(head)Transfer-Encoding: chunked\r\n\r\n")
        let chunk = "1000\r\n" + String(repeating: "x", count: 0x1000) + "\r\n"
        for _ in 0..<17 { chunked.send(chunk) }
        #expect(chunked.readAnswer()?.status == 413)
        let eager = try server.tcp()
        eager.send("POST /v1/config/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
        eager.send(String(repeating: "x", count: 200_000))
        #expect(eager.readAnswer()?.status == 413)
        #expect(server.balancer.wishes.isEmpty)
    }

    @Test(
        "What is not HTTP, or could be read in two ways, is 400 and closes",
        arguments: [
            "hello\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "GET / HTTP/2.0\r\n\r\n",
            "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
            "GET /\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nabcde",
            "GET / HTTP/1.1\r\nHost: x\r\n X: y\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "GET /\u{0} HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\u{0}y\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        ])
    func notHTTP(_ text: String) throws {
        let server = try TestServer()
        let raw = try server.unix()
        raw.send(text)
        raw.endOutput()
        let all = raw.readAll()
        #expect(all.hasPrefix("HTTP/1.1 400 "), "\(all)")
        #expect(all.components(of: "HTTP/1.1 4") == 1, "\(all)")
        #expect(try server.operatorClient.get("/healthz").status == 200)
    }

    @Test("What still comes behind a mistake does not cost the client the answer")
    func answerAfterMistake() throws {
        let server = try TestServer()
        for make in [server.unix, { try server.tcp() }] {
            let raw = try make()
            raw.send("hello\r\n\r\n")
            for _ in 0..<100 { raw.send(String(repeating: "x", count: 1000)) }
            raw.endOutput()
            #expect(raw.readAll().hasPrefix("HTTP/1.1 400 "))
            #expect(!raw.wasReset)
        }
    }

    @Test("Bytes that are not UTF-8 are 400")
    func notUTF8() throws {
        let server = try TestServer()
        for bytes in [
            Array("GET /\u{0}".utf8.dropLast()) + [0xFF] + Array(" HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
            Array("GET / HTTP/1.1\r\nHost: x\r\nX: ".utf8) + [0xFF, 0xFE] + Array("\r\n\r\n".utf8),
        ] {
            let raw = try server.unix()
            raw.send(bytes)
            #expect(raw.readAnswer()?.status == 400)
        }
    }

    @Test("CONNECT and an upgrade are refused or answered, and the connection ends: what follows is another protocol")
    func upgrades() throws {
        let server = try TestServer()
        for head in [
            "CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        ] {
            let raw = try server.unix()
            raw.send(head + "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            let all = raw.readAll()
            #expect(all.components(of: "HTTP/1.1 ") == 1, "\(all)")
            #expect(all.contains("Connection: close"))
        }
    }
}

extension String {
    /// How often a text is in it.
    func components(of text: String) -> Int {
        let bytes = Array(utf8)
        let searched = Array(text.utf8)
        var count = 0
        var position = 0
        while let range = bytes.firstRange(of: searched, from: position) {
            count += 1
            position = range.upperBound
        }
        return count
    }
}
