import Reactor
import Testing

@testable import Benchmark

/// The generator must detect an origin that answers with one wrong byte.
@Suite struct CorruptionTests {
    /// Accepts one connection and echoes what arrives with its tenth byte changed, until the connection ends.
    private static func corrupt(_ listener: borrowing Listener) throws {
        let poller = try Poller()
        var events = EventBuffer(capacity: 4)
        _ = listener.add(to: poller, Token(kind: 0, index: 0))
        var bytes = [UInt8](repeating: 0, count: 64)
        while true {
            try poller.poll(into: &events, timeout: .milliseconds(5000))
            guard events.count > 0 else { return }
            guard case .accepted(let stream, _) = listener.accept() else { continue }
            _ = stream.add(to: poller, Token(kind: 1, index: 0))
            while true {
                try poller.poll(into: &events, timeout: .milliseconds(5000))
                guard events.count > 0 else { return }
                switch unsafe bytes.withUnsafeMutableBytes({ unsafe stream.receive(into: $0) }) {
                case .bytes(let count):
                    bytes[9] ^= 1
                    _ = unsafe bytes.withUnsafeBytes { unsafe stream.send(.init(rebasing: $0[..<count])) }
                case .wouldBlock: continue
                default: return
                }
            }
        }
    }

    private final class FarEnd: @unchecked Sendable {
        let listener: Listener
        init() throws { listener = try Listener(.ipv4(0x7F00_0001, port: 0)) }
    }

    @Test func aWrongByteCountsAsAMismatch() throws {
        let end = try FarEnd()
        // Its own thread, because other tests may occupy all threads of the pool.
        let thread = try LoopThread(name: "far end") { try? Self.corrupt(end.listener) }
        var plan = LoadPlan(.pingPong, connections: 1)
        plan.port = end.listener.address.port
        var generator = try Generator(plan)
        let sample = try generator.run()
        thread.join()
        #expect(sample.mismatches == 1)
        #expect(sample.latency == nil)
    }
}
