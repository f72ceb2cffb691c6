import Glibc
import Reactor
import Testing

@testable import Benchmark

/// A kernel whose next accepts fail as planned.
private final class RefusingKernel: ForwardingKernel {
    var failures: [CInt] = []

    override func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        failures.isEmpty ? super.accept(listener) : (-failures.removeFirst(), nil)
    }
}

@Suite struct OriginTests {
    /// Sends an echo's first byte and what follows, and takes turns until all of it has come back.
    private func echo(_ origin: inout Origin, through stream: borrowing Reactor.Stream) throws {
        let sent: [UInt8] = [Wish.echo.rawValue, 1, 2, 3]
        #expect(unsafe sent.withUnsafeBytes { unsafe stream.send($0) } == .bytes(sent.count))
        var received: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64)
        let deadline = Clock.monotonic.now() + .seconds(10)
        while received.count < sent.count {
            try origin.turn(.milliseconds(10))
            if case .bytes(let count) = unsafe block.withUnsafeMutableBytes({ unsafe stream.receive(into: $0) }) {
                received += block[..<count]
            }
            try #require(Clock.monotonic.now() < deadline, "the echo never came")
        }
        #expect(received == sent)
    }

    private func connect(to origin: borrowing Origin) throws -> Reactor.Stream {
        let stream = try Stream(for: origin.address, from: nil)
        if case .failed(let errno) = stream.connect(to: origin.address) { throw errno }
        return stream
    }

    /// The listener reports an arrival once: it must be looked at again although no other arrival follows.
    @Test(arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func aConnectionThatFoundNoDescriptorIsServedLater(failure: CInt) throws {
        let kernel = RefusingKernel()
        try withScriptedKernel(kernel) {
            var origin = try Origin(.ipv4(0x7F00_0001, port: 0))
            kernel.failures = [failure, failure]
            let stream = try connect(to: origin)
            try echo(&origin, through: stream)
            #expect(kernel.failures.isEmpty)
        }
    }

    @Test func connectionsThatEndedBeforeTheyWereAcceptedHideNoOther() throws {
        let kernel = RefusingKernel()
        try withScriptedKernel(kernel) {
            var origin = try Origin(.ipv4(0x7F00_0001, port: 0))
            // More than a turn's share of accepts.
            kernel.failures = Array(repeating: ECONNABORTED, count: 3 * Origin.acceptsPerTurn / 2)
            let stream = try connect(to: origin)
            try echo(&origin, through: stream)
            #expect(kernel.failures.isEmpty)
        }
    }

    /// The rate that follows the wish may come later, and is no part of the stream.
    @Test func aMeteredDownloadBeginsWhenItsRateHasCome() throws {
        var origin = try Origin(.ipv4(0x7F00_0001, port: 0))
        let stream = try connect(to: origin)
        var request: [UInt8] = [Wish.metered.rawValue]
        unsafe withUnsafeBytes(of: UInt64(10_000_000).littleEndian) { unsafe request.append(contentsOf: $0) }
        let pattern = Pattern()
        let buffer = ByteBuffer(count: 4096)
        var received = UInt64(0)
        let deadline = Clock.monotonic.now() + .seconds(10)
        for part in [request[..<3], request[3...]] {
            #expect(received == 0)
            #expect(unsafe part.withUnsafeBytes { unsafe stream.send($0) } == .bytes(part.count))
            for _ in 0..<20 { try origin.turn(.milliseconds(1)) }
            if case .bytes(let count) = unsafe stream.receive(into: buffer.memory) { received += UInt64(count) }
        }
        while received < 100_000 {
            try origin.turn(.milliseconds(10))
            if case .bytes(let count) = unsafe stream.receive(into: buffer.memory) {
                let start = pattern.start(of: .metered)
                #expect(unsafe pattern.matches(buffer.prefix(count), start: start, position: received))
                received += UInt64(count)
            }
            try #require(Clock.monotonic.now() < deadline, "the download never came")
        }
    }

    /// What the peer does not take back waits, and nothing more is read meanwhile.
    @Test func anEchoWaitsForItsReader() throws {
        var origin = try Origin(.ipv4(0x7F00_0001, port: 0))
        let stream = try connect(to: origin)
        let pattern = Pattern()
        let start = pattern.start(of: .echo)
        let buffer = ByteBuffer(count: Pattern.chunkBytes)
        var (sent, received) = (UInt64(0), UInt64(0))
        // Until both directions are full.
        var refusals = 0
        while refusals < 100 {
            let run = unsafe pattern.run(start: start, position: sent, count: Pattern.chunkBytes)
            if case .bytes(let count) = unsafe stream.send(run) {
                sent += UInt64(count)
                refusals = 0
            } else {
                refusals += 1
            }
            try origin.turn(.immediately)
        }
        let deadline = Clock.monotonic.now() + .seconds(20)
        while received < sent {
            if case .bytes(let count) = unsafe stream.receive(into: buffer.memory) {
                #expect(unsafe pattern.matches(buffer.prefix(count), start: start, position: received))
                received += UInt64(count)
            }
            try origin.turn(.immediately)
            try #require(Clock.monotonic.now() < deadline, "bytes of the echo are missing")
        }
        #expect(received == sent)
    }
}
