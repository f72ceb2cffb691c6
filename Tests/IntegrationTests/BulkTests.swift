import Glibc
import Testing

/// Bulk transfers, which the balancer splices: no byte is lost or changed, and no pipe or session is left.
@Suite("Bulk", .ownThread)
struct BulkTests {
    private static let mebibyte = 1 << 20

    /// The limit of the balancer's memory growth: waiting bytes are in the kernel, or in one pipe per direction.
    private static let growthMax = 16 * mebibyte

    /// More than all buffers on the way can hold, and more than is discarded for a side that has closed.
    private static let endless = 4_096 * mebibyte

    enum Way: CaseIterable {
        case down, up
    }

    // MARK: Whole transfers

    @Test("tens of megabytes in one direction arrive intact", arguments: Way.allCases)
    func oneWay(_ way: Way) throws {
        let setup = try Setup()
        let (sender, reader) = setup.ends(way)
        try transfer(48 * Self.mebibyte + 11, seed: 21, from: sender, to: reader)
        try expectSpliced(setup)
        reader.close()
        sender.close()
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test("tens of megabytes in both directions at the same time arrive intact")
    func bothWays() throws {
        let setup = try Setup()
        let count = 32 * Self.mebibyte + 5
        let up = Background { try transfer(count, seed: 22, from: setup.client, to: setup.server) }
        try transfer(count, seed: 23, from: setup.server, to: setup.client)
        try up.value(within: .seconds(60))
        try expectSpliced(setup)
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test("after a large request and a half-close the answer arrives intact", arguments: [1, 2])
    func halfClose(threads: Int) throws {
        let setup = try Setup("--threads", "\(threads)")
        let count = 16 * Self.mebibyte + 3
        try transfer(count, seed: 24, from: setup.client, to: setup.server)
        #expect(setup.balancer.terminations == 0)
        try transfer(count, seed: 25, from: setup.server, to: setup.client)
        try expectSpliced(setup)
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test("without descriptors for a pipe the bytes are copied, and arrive intact")
    func withoutPipes() throws {
        // One below `Limits.descriptorsPerPipe`.
        let setup = try Setup(openFilesMax: 63)
        let count = 32 * Self.mebibyte + 5
        let up = Background { try transfer(count, seed: 26, from: setup.client, to: setup.server) }
        try transfer(count, seed: 27, from: setup.server, to: setup.client)
        try up.value(within: .seconds(60))
        #expect(try setup.pipeCount() == 0)
        try setup.balancer.waitUntilEmpty(after: 1)
    }

    @Test("many transfers at once share a few pipes, and all arrive intact")
    func fewPipes() throws {
        // Enough for two pipes.
        let setup = try Setup(openFilesMax: 128)
        let pairs = try (0..<6).map { _ in try setup.session() }
        let transfers = pairs.enumerated().map { number, ends in
            Background { try transfer(8 * Self.mebibyte + 1, seed: UInt64(30 + number), from: ends.1, to: ends.0) }
        }
        for transfer in transfers { try transfer.value(within: .seconds(60)) }
        #expect((1...2).contains(try setup.pipeCount()))
    }

    @Test("bulk transfers and small messages may alternate on one connection")
    func alternating() throws {
        let setup = try Setup()
        for round in 1...12 {
            for (way, name) in [(Way.up, "up"), (.down, "down")] {
                let (sender, reader) = setup.ends(way)
                let pattern = Pattern(seed: UInt64(100 + round))
                // Sometimes a multiple of the read buffer's size, and sometimes not.
                let count = round * 262_144 + (round % 3) * 4_099
                let sending = Background { try pattern.send(count, through: sender) }
                let receipt = try pattern.receive(upTo: count, from: reader)
                #expect(receipt == Pattern.Receipt(count: count, isIntact: true, ending: nil))
                try sending.value(within: .seconds(10))
                // Enough small messages to make the balancer copy again.
                for number in 1...12 {
                    try sender.send("\(name) \(round) \(number)\n")
                    #expect(try reader.receiveLine() == "\(name) \(round) \(number)")
                    try reader.send("answer \(number)\n")
                    #expect(try sender.receiveLine() == "answer \(number)")
                }
            }
        }
        try expectSpliced(setup)
    }

    @Test("urgent data in the middle of a bulk transfer keeps its position", arguments: Way.allCases)
    func urgentData(_ way: Way) throws {
        let setup = try Setup()
        let (sender, reader) = setup.ends(way)
        let count = 6 * Self.mebibyte + 17
        let patterns = (0..<4).map { Pattern(seed: UInt64(40 + $0)) }
        let arrived = Progress()
        let sending = Background {
            for (number, pattern) in patterns.enumerated() {
                try pattern.send(count, through: sender)
                try sender.sendUrgent("X")
                // TCP has one urgent mark at a time: the next must not replace one that has not arrived.
                try pattern.send(count, through: sender)
                try eventually("urgent byte \(number) has arrived", within: .seconds(30)) { arrived.value > number }
            }
            sender.finishSending()
        }
        for pattern in patterns {
            let first = try pattern.receive(upTo: count, from: reader)
            try reader.expect("X")
            arrived.add(1)
            let second = try pattern.receive(upTo: count, from: reader)
            let whole = Pattern.Receipt(count: count, isIntact: true, ending: nil)
            #expect([first, second] == [whole, whole])
        }
        #expect(try reader.receiveToEnd() == ([], .finished))
        try sending.value(within: .seconds(10))
        try expectSpliced(setup)
    }

    @Test("an urgent byte without data before or after it is delivered at once", arguments: Way.allCases)
    func urgentDataAlone(_ way: Way) throws {
        let setup = try Setup()
        let (sender, reader) = setup.ends(way)
        for text in ["X", "Y"] {
            try sender.sendUrgent(text)
            try reader.expect(text)
        }
    }

    // MARK: Slow readers

    @Test("when a reader stops during a transfer, memory is bounded and no byte is lost", arguments: Way.allCases)
    func slowReader(_ way: Way) throws {
        let setup = try Setup(receiveBuffer: way == .down ? 65_536 : nil)
        let (sender, reader) = setup.ends(way)
        let pattern = Pattern(seed: 50)
        let count = 64 * Self.mebibyte
        let before = try setup.balancer.program.residentMemory()
        let progress = Progress()
        let sending = Background {
            try pattern.send(count, through: sender, progress: progress)
            sender.finishSending()
        }
        let stalledAt = try settled("the sender", for: .milliseconds(300)) { progress.value }
        #expect(stalledAt < count, "the reader should be slower than the sender")
        // The waiting bytes are in one pipe; or in one block, where the reader stopped before a large read.
        #expect(try setup.pipeCount() <= 1)
        let growth = try setup.balancer.program.residentMemory() - before
        #expect(growth < Self.growthMax, "grew by \(growth) bytes")
        let receipt = try pattern.receive(from: reader)
        #expect(receipt == Pattern.Receipt(count: count, isIntact: true, ending: .finished))
        try sending.value(within: .seconds(5))
        let growthAfterwards = try setup.balancer.program.residentMemory() - before
        #expect(growthAfterwards < Self.growthMax, "grew by \(growthAfterwards) bytes")
    }

    // MARK: Resets

    @Test("when the sender resets during a transfer, the session ends and no pipe is left", arguments: Way.allCases)
    func senderResets(_ way: Way) throws {
        try checkResets(way) { sender, reader, pattern in
            let reading = Background { try pattern.receive(from: reader) }
            // The last bytes are still in flight when the RST discards them.
            try pattern.send(64 * Self.mebibyte, through: sender)
            sender.reset()
            let receipt = try reading.value(within: .seconds(30))
            #expect(receipt.count > 16 * Self.mebibyte)
            #expect(receipt.isIntact)
            reader.close()
        }
    }

    @Test("when the reader resets during a transfer, the session ends and no pipe is left", arguments: Way.allCases)
    func readerResets(_ way: Way) throws {
        try checkResets(way) { sender, reader, pattern in
            let progress = Progress()
            let sending = Background { try pattern.send(Self.endless, through: sender, progress: progress) }
            let receipt = try pattern.receive(upTo: 8 * Self.mebibyte, from: reader)
            #expect(receipt.isIntact)
            // Waits until the buffers on the way, and a pipe, are full.
            _ = try settled("the sender", for: .milliseconds(100)) { progress.value }
            reader.reset()
            #expect(throws: TestFailure.self) { try sending.value(within: .seconds(30)) }
            sender.close()
        }
    }

    private func checkResets(
        _ way: Way, at location: SourceLocation = #_sourceLocation,
        _ play: (_ sender: TCPSocket, _ reader: TCPSocket, Pattern) throws -> Void
    ) throws {
        let setup = try Setup(at: location)
        setup.client.close()
        setup.server.close()
        try setup.balancer.waitUntilEmpty(after: 1, at: location)
        let sockets = try setup.balancer.program.socketCount()
        for round in 1...3 {
            let (client, server) = try setup.session(at: location)
            let (sender, reader) = way == .up ? (client, server) : (server, client)
            try play(sender, reader, Pattern(seed: UInt64(60 + round)))
            try setup.balancer.waitUntilEmpty(after: 1 + round, within: .seconds(20), at: location)
            #expect(setup.balancer.terminations == 1 + round, sourceLocation: location)
            #expect(try setup.balancer.program.socketCount() == sockets, sourceLocation: location)
            // Emptied pipes are kept: as many as were in use at once, at most one per direction.
            #expect(try setup.pipeCount() <= 2, sourceLocation: location)
        }
        let (client, server) = try setup.session(at: location)
        try transfer(4 * Self.mebibyte, seed: 70, from: server, to: client, at: location)
        try expectSpliced(setup, at: location)
    }

    // MARK: Steps

    /// A balancer that does not probe again, and both ends of one session through it.
    private struct Setup {
        let listener: ListeningSocket
        let balancer: BalancerUnderTest
        let client: TCPSocket
        let server: TCPSocket
        /// The pipes that the balancer had before it could splice.
        private let inheritedPipes: Set<String>

        init(
            _ options: String..., receiveBuffer: Int32? = nil, openFilesMax: Int? = nil,
            at location: SourceLocation = #_sourceLocation
        ) throws {
            listener = try ListeningSocket(at: location)
            balancer = try BalancerUnderTest.start(
                backends: [listener.port].onLoopback, ["--probe-interval", "1h"] + options,
                openFilesMax: openFilesMax, at: location)
            try balancer.waitUntilAlive(listener.port, at: location)
            inheritedPipes = try balancer.program.pipes()
            (client, server) = try Self.session(balancer, listener, receiveBuffer: receiveBuffer, at: location)
        }

        /// Opens another session.
        func session(at location: SourceLocation = #_sourceLocation) throws -> (TCPSocket, TCPSocket) {
            try Self.session(balancer, listener, at: location)
        }

        /// The number of pipes that the balancer has made and kept.
        func pipeCount() throws -> Int { try balancer.program.pipes().subtracting(inheritedPipes).count }

        func ends(_ way: Way) -> (sender: TCPSocket, reader: TCPSocket) {
            way == .up ? (client, server) : (server, client)
        }

        private static func session(
            _ balancer: BalancerUnderTest, _ listener: ListeningSocket, receiveBuffer: Int32? = nil,
            at location: SourceLocation
        ) throws -> (TCPSocket, TCPSocket) {
            let client = try balancer.connect(receiveBuffer: receiveBuffer, at: location)
            try client.send("!", at: location)
            let server = try listener.acceptClient(at: location)
            try server.expect("!", at: location)
            return (client, server)
        }
    }

    private func expectSpliced(_ setup: Setup, at location: SourceLocation = #_sourceLocation) throws {
        // A pipe is made for the first bulk transfer, and kept.
        let count = try setup.pipeCount()
        #expect(count > 0, "the bytes were copied instead of spliced", sourceLocation: location)
        #expect(count <= 2, sourceLocation: location)
    }
}

/// Sends `count` bytes of a pattern and a FIN, and checks that all of it arrives.
private func transfer(
    _ count: Int, seed: UInt64, from sender: TCPSocket, to reader: TCPSocket,
    at location: SourceLocation = #_sourceLocation
) throws {
    let pattern = Pattern(seed: seed)
    let sending = Background {
        try pattern.send(count, through: sender, at: location)
        sender.finishSending()
    }
    let receipt = try pattern.receive(from: reader, at: location)
    #expect(receipt == Pattern.Receipt(count: count, isIntact: true, ending: .finished), sourceLocation: location)
    try sending.value(within: .seconds(10), at: location)
}
