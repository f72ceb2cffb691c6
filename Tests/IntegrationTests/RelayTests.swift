import Testing

/// The balancer relays all bytes in order, whichever side is slow and whichever side closes or resets.
@Suite("Relay", .ownThread)
struct RelayTests {
    private static let mebibyte = 1 << 20

    /// The limit of the balancer's memory growth while a reader is stalled: the bytes wait in the kernel.
    private static let growthMax = 30 * mebibyte

    /// More than a stalled reader's small receive buffer holds, but little enough for the kernel's buffers on the
    /// way to hold the rest even when memory is short.
    private static let inFlight = 80_000

    @Test("megabytes one way, a half-close, and megabytes back arrive intact")
    func bothWaysInTurn() throws {
        let setup = try Setup()
        let (question, answer) = (Pattern(seed: 1), Pattern(seed: 2))
        let count = 8 * Self.mebibyte + 13
        let serving = Background {
            let receipt = try question.receive(from: setup.server)
            // The server answers only after the client has sent everything.
            try answer.send(count, through: setup.server)
            setup.server.finishSending()
            return receipt
        }
        try question.send(count, through: setup.client)
        setup.client.finishSending()
        let receipt = try answer.receive(from: setup.client)
        #expect(receipt == Pattern.Receipt(count: count, isIntact: true, ending: .finished))
        #expect(
            try serving.value(within: .seconds(10))
                == Pattern.Receipt(count: count, isIntact: true, ending: .finished))
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test("megabytes in both directions at the same time arrive intact")
    func bothWaysAtOnce() throws {
        let setup = try Setup()
        let (up, down) = (Pattern(seed: 3), Pattern(seed: 4))
        let count = 16 * Self.mebibyte + 7
        let works = [
            Background { () -> Pattern.Receipt? in
                try up.send(count, through: setup.client)
                setup.client.finishSending()
                return nil
            },
            Background { () -> Pattern.Receipt? in
                try down.send(count, through: setup.server)
                setup.server.finishSending()
                return nil
            },
            Background { try up.receive(from: setup.server) },
            Background { try down.receive(from: setup.client) },
        ]
        let receipts = try works.compactMap { try $0.value(within: .seconds(60)) }
        let whole = Pattern.Receipt(count: count, isIntact: true, ending: .finished)
        #expect(receipts == [whole, whole])
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test("many small messages are relayed, each answered before the next")
    func pingPong() throws {
        let setup = try Setup()
        for number in 1...500 {
            try setup.client.send("ping \(number)\n")
            #expect(try setup.server.receiveLine() == "ping \(number)")
            try setup.server.send("pong \(number)\n")
            #expect(try setup.client.receiveLine() == "pong \(number)")
        }
    }

    @Test("a client that does not read costs no memory, and gets every byte when it reads again")
    func stalledClient() throws {
        let setup = try Setup()
        try checkStalledReader(setup, from: setup.server, to: setup.client)
    }

    @Test("a server that does not read costs no memory, and gets every byte when it reads again")
    func stalledServer() throws {
        let setup = try Setup()
        try checkStalledReader(setup, from: setup.client, to: setup.server)
    }

    @Test("fifty mebibytes and a FIN to a stalled reader all arrive, and the row is deleted")
    func finishBehindStalledReader() throws {
        let setup = try Setup(receiveBuffer: 16_384)
        let pattern = Pattern(seed: 6)
        let count = 50 * Self.mebibyte
        let progress = Progress()
        let sending = Background {
            try pattern.send(count, through: setup.server, progress: progress)
            // The sender stays open: a kernel that is short of memory discards unsent data of closed sockets.
            setup.server.finishSending()
        }
        _ = try settled("the sender", for: .milliseconds(300)) { progress.value }
        #expect(!sending.isFinished, "the reader should be slower than the sender")
        let receipt = try pattern.receive(from: setup.client)
        #expect(receipt == Pattern.Receipt(count: count, isIntact: true, ending: .finished))
        try sending.value(within: .seconds(5))
        setup.client.close()
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test("bytes in flight when the sender closes arrive", arguments: [true, false])
    func finishWithBytesInFlight(fromServer: Bool) throws {
        let setup = try Setup(receiveBuffer: 16_384)
        let (sender, reader) = fromServer ? (setup.server, setup.client) : (setup.client, setup.server)
        let pattern = Pattern(seed: 7)
        let count = Self.inFlight
        try pattern.send(count, through: sender)
        try eventually("the balancer's kernel has all bytes") { sender.unacknowledged == 0 }
        sender.close()
        let receipt = try pattern.receive(from: reader)
        #expect(receipt == Pattern.Receipt(count: count, isIntact: true, ending: .finished))
        reader.close()
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test(
        "after a RST the other side still gets all bytes that the balancer's kernel had acknowledged",
        arguments: [true, false])
    func resetWithBytesInFlight(fromServer: Bool) throws {
        let setup = try Setup(receiveBuffer: 16_384)
        let (sender, reader) = fromServer ? (setup.server, setup.client) : (setup.client, setup.server)
        let pattern = Pattern(seed: 8)
        let count = Self.inFlight
        try pattern.send(count, through: sender)
        // A RST discards what the sender's own kernel still holds, which the balancer could not deliver.
        try eventually("all of it has left the sender") { sender.unacknowledged == 0 }
        sender.reset()
        // The reader starts late, long after the RST has arrived.
        let receipt = try pattern.receive(from: reader)
        #expect(receipt.count == count)
        #expect(receipt.isIntact)
        reader.close()
        try setup.balancer.waitUntilEmpty(after: 1)
        #expect(setup.balancer.terminations == 1)
    }

    @Test("when a reader resets while much is sent to it, no row is left and the sender's connection ends")
    func readerResets() throws {
        for fromServer in [true, false] {
            let setup = try Setup()
            let (sender, reader) = fromServer ? (setup.server, setup.client) : (setup.client, setup.server)
            let progress = Progress()
            // More than can ever be sent, so only the balancer ends the sending.
            let sending = Background {
                try Pattern(seed: 9).send(4_096 * Self.mebibyte, through: sender, progress: progress)
            }
            _ = try settled("the sender", for: .milliseconds(200)) { progress.value }
            reader.reset()
            #expect(throws: TestFailure.self) { try sending.value(within: .seconds(20)) }
            sender.close()
            try setup.balancer.waitUntilEmpty(after: 1)
            let newcomer = try setup.balancer.connect()
            try newcomer.send("!")
            try setup.listener.acceptClient().expect("!")
        }
    }

    @Test("when a reader resets while a slow sender never stops, the row is still deleted")
    func readerResetsUnderTrickle() throws {
        let setup = try Setup()
        setup.client.reset()
        try eventually("the sender's connection ends", within: .seconds(20)) {
            do {
                try setup.server.send(".")
                return setup.server.hasEnded
            } catch {
                return true
            }
        }
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test("when a client resets while the server reads nothing, the row is still deleted")
    func clientResetsWhileServerStalls() throws {
        let setup = try Setup()
        let progress = Progress()
        let sending = Background {
            try? Pattern(seed: 12).send(64 * Self.mebibyte, through: setup.client, progress: progress)
        }
        // Waits until every buffer on the way is full.
        _ = try settled("the client", for: .milliseconds(300)) { progress.value }
        setup.client.shutDown()
        try sending.value(within: .seconds(20))
        setup.client.reset()
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test("urgent data keeps its position, and the bytes after it are not delayed")
    func urgentData() throws {
        let setup = try Setup()
        try setup.client.send("abc")
        try setup.client.sendUrgent("X")
        try setup.client.send("def")
        try setup.server.expect("abcXdef")
        try setup.server.send("123")
        try setup.server.sendUrgent("Y")
        try setup.server.send("456")
        try setup.client.expect("123Y456")
    }

    @Test("when a server answers early and resets while the client still sends, the client gets the answer")
    func earlyAnswer() throws {
        let setup = try Setup()
        let progress = Progress()
        let sending = Background {
            try? Pattern(seed: 10).send(16 * Self.mebibyte, through: setup.client, progress: progress)
        }
        // The server has unread data, so closing its socket sends a RST after the answer.
        _ = try settled("the client", for: .milliseconds(200)) { progress.value }
        try setup.server.send("early answer")
        try eventually("the balancer's kernel has the answer") { setup.server.unacknowledged == 0 }
        setup.server.close()
        try setup.client.expect("early answer")
        _ = try setup.client.receiveToEnd()
        try sending.value(within: .seconds(20))
        setup.client.close()
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    // MARK: Steps

    /// A balancer, and both ends of one session through it.
    private struct Setup {
        let listener: ListeningSocket
        let balancer: BalancerUnderTest
        let client: TCPSocket
        let server: TCPSocket

        init(receiveBuffer: Int32? = nil, at location: SourceLocation = #_sourceLocation) throws {
            listener = try ListeningSocket(at: location)
            balancer = try BalancerUnderTest.start(backends: [listener.port].onLoopback, at: location)
            client = try balancer.connect(receiveBuffer: receiveBuffer, at: location)
            try client.send("!", at: location)
            server = try listener.acceptClient(at: location)
            try server.expect("!", at: location)
        }
    }

    private func checkStalledReader(
        _ setup: Setup, from sender: TCPSocket, to reader: TCPSocket, at location: SourceLocation = #_sourceLocation
    ) throws {
        let pattern = Pattern(seed: 5)
        let count = 64 * Self.mebibyte
        let before = try setup.balancer.program.residentMemory()
        let progress = Progress()
        let sending = Background {
            try pattern.send(count, through: sender, progress: progress)
            sender.finishSending()
        }
        let stalledAt = try settled("the sender", for: .milliseconds(500)) { progress.value }
        #expect(stalledAt < count, "the reader should be slower than the sender", sourceLocation: location)
        let growth = try setup.balancer.program.residentMemory() - before
        #expect(growth < Self.growthMax, "grew by \(growth) bytes", sourceLocation: location)
        // No byte moves, so the balancer must use no processor time.
        let share = try setup.balancer.program.processorShare(over: .seconds(1))
        #expect(share < 0.1, sourceLocation: location)

        let receipt = try pattern.receive(from: reader)
        #expect(receipt == Pattern.Receipt(count: count, isIntact: true, ending: .finished), sourceLocation: location)
        try sending.value(within: .seconds(5))
        let growthAfterwards = try setup.balancer.program.residentMemory() - before
        #expect(growthAfterwards < Self.growthMax, "grew by \(growthAfterwards) bytes", sourceLocation: location)
        reader.close()
        sender.close()
        try setup.balancer.waitUntilEmpty(after: 1, at: location)
    }
}
