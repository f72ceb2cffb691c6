import Glibc
import Reactor
import Testing

@testable import Balancer

/// The service manager's watchdog, by a clock that the test moves.
@Suite struct WatchdogStallTests {
    /// The manager kills a process that is silent for six seconds by the machine's clock. A process that stood still has
    /// used them up already, and must not wait for its next beat.
    @Test func theWatchdogBeatsAtOnceAfterAStall() throws {
        let inbox = try Inbox("@balancer-tests-\(getpid())-watchdog")
        let kernel = StagedKernel()
        kernel.connectAnswer = { _ in 0 }
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            let variables = ["NOTIFY_SOCKET": inbox.name, "WATCHDOG_USEC": "6000000"]
            var loop = try BalancerLoop(
                .staged(backends: 1), clock: .manual(hand),
                service: ServiceManager.find(environment: { variables[$0] }), output: .silent)
            let facts = loop.facts.service
            loop.duties?.steward.notifyReady(facts, nil, &loop.core)
            try loop.turn(.immediately)
            let started = inbox.all()
            #expect(
                started == [
                    "READY=1\nSTATUS=starting: 0 of 1 backends up", "WATCHDOG=1", "STATUS=serving: 1 of 1 backends up",
                ])

            // Every two seconds.
            for second in 1...4 {
                for _ in 0..<20 {
                    hand.now = hand.now + .milliseconds(50)
                    try loop.turn(.immediately)
                }
                #expect(inbox.all() == (second % 2 == 0 ? ["WATCHDOG=1"] : []), "second \(second)")
            }
            hand.now = hand.now + .seconds(5)
            try loop.turn(.immediately)
            #expect(inbox.all() == ["WATCHDOG=1"])
            #expect(loop.shared.total(.stalls) == 1)
        }
        #expect(kernel.descriptors.isEmpty)
    }
}

/// The socket of a service manager, with an abstract name.
private struct Inbox: ~Copyable {
    private let descriptor: FileDescriptor
    let name: String

    init(_ name: String) throws {
        let number = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        descriptor = FileDescriptor(owning: number)
        self.name = name
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = [0] + Array(name.utf8.dropFirst())
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(number, $0, length) }
        }
        try #require(result == 0)
    }

    /// The notifications that have come since the last call.
    func all() -> [String] {
        var texts: [String] = []
        var bytes = [UInt8](repeating: 0, count: 512)
        while true {
            let count = unsafe recv(descriptor.rawValue, &bytes, bytes.count, 0)
            guard count >= 0 else { return texts }
            texts.append(String(decoding: bytes[..<count], as: UTF8.self))
        }
    }
}
