import CEpoll
import Glibc
import Reactor
import Testing

private let loopback = SocketAddress.ipv4(0x7F00_0001, port: 0)

/// A process that may have so many descriptors and no more; new ones are refused with EMFILE.
private final class FullKernel: ForwardingKernel {
    var descriptorsMax = Int.max
    var abortsNext = false

    private var isFull: Bool { opened.count - closed.count >= descriptorsMax }

    override func open(_ path: String, flags: CInt) -> CInt { isFull ? -EMFILE : super.open(path, flags: flags) }

    override func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        if isFull { return (-EMFILE, nil) }
        let accepted = super.accept(listener)
        if accepted.descriptor >= 0, abortsNext {
            abortsNext = false
            close(accepted.descriptor)
            return (-ECONNABORTED, nil)
        }
        return accepted
    }

    /// How many may still be opened.
    func leave(_ count: Int) { descriptorsMax = opened.count - closed.count + count }
}

@Suite struct ReserveDescriptorTests {
    @Test func aClientIsToldWhenNoDescriptorIsLeft() throws {
        let kernel = FullKernel()
        try withScriptedKernel(kernel) {
            let listener = try Listener(loopback)
            var reserve = ReserveDescriptor()
            let client = try Stream(for: listener.address, from: nil)
            _ = client.connect(to: listener.address)
            kernel.leave(0)

            if case .exhausted(let errno) = listener.accept() {
                #expect(errno == Errno(rawValue: EMFILE))
            } else {
                Issue.record("accepted without a descriptor")
            }
            #expect(eventually { reserve.turnAway(at: listener) } as Bool)
            #expect(client.receive().result == .endOfStream)
            // Nobody else waits; the reserve is in place again and still the only descriptor there is.
            #expect(!reserve.turnAway(at: listener) as Bool)
            #expect(kernel.opened.count - kernel.closed.count == kernel.descriptorsMax)
        }
    }

    @Test func severalAreToldOneAfterTheOther() throws {
        let kernel = FullKernel()
        try withScriptedKernel(kernel) {
            let listener = try Listener(loopback)
            var reserve = ReserveDescriptor()
            var clients = Slab<Stream>(capacity: 3)
            for _ in 0..<3 {
                let client = try Stream(for: listener.address, from: nil)
                _ = client.connect(to: listener.address)
                _ = clients.insert(client)
            }
            kernel.leave(0)
            for _ in 0..<3 { #expect(eventually { reserve.turnAway(at: listener) } as Bool) }
            for index in 0..<3 { #expect(clients[index].receive().result == .endOfStream) }
        }
    }

    @Test func aReserveThatWasLostIsOpenedAgain() throws {
        let kernel = FullKernel()
        try withScriptedKernel(kernel) {
            let listener = try Listener(loopback)
            let client = try Stream(for: listener.address, from: nil)
            _ = client.connect(to: listener.address)
            // Nothing was left for it: it is empty, and can turn nobody away.
            kernel.leave(0)
            var reserve = ReserveDescriptor()
            #expect(!reserve.turnAway(at: listener) as Bool)
            kernel.leave(1)
            #expect(eventually { reserve.turnAway(at: listener) } as Bool)
            #expect(client.receive().result == .endOfStream)
        }
    }

    /// The arrivals behind it make no event of their own: a loop that stopped here would leave them waiting.
    @Test func aConnectionThatEndedBeforeItWasAcceptedCountsAsTurnedAway() throws {
        let kernel = FullKernel()
        try withScriptedKernel(kernel) {
            let listener = try Listener(loopback)
            var reserve = ReserveDescriptor()
            let client = try Stream(for: listener.address, from: nil)
            _ = client.connect(to: listener.address)
            kernel.leave(0)
            kernel.abortsNext = true
            var isTurnedAway = false
            let isAborted = eventually {
                isTurnedAway = reserve.turnAway(at: listener)
                return !kernel.abortsNext
            }
            #expect(isAborted && isTurnedAway)
        }
    }

    /// In a process of its own, where the limit can be lowered in earnest.
    ///
    /// The threads of that process open descriptors at their own time when it starts, and one that does so at that
    /// moment has the number that the reserve gave up: once without one is what is asked for.
    @Test func worksUnderTheRealLimit() async {
        await #expect(processExitsWith: .success) {
            var failure: CInt = 0
            for _ in 0..<20 {
                failure = try Self.stepThatFailsUnderTheRealLimit()
                if failure == 0 { return }
            }
            exit(failure)
        }
    }

    /// 0 when none does.
    private static func stepThatFailsUnderTheRealLimit() throws -> CInt {
        let listener = try Listener(loopback)
        var reserve = ReserveDescriptor()
        let client = try Stream(for: listener.address, from: nil)
        _ = client.connect(to: listener.address)
        // The lowest free number is the first that will be refused.
        let next = dup(0)
        close(next)
        var before = rlimit()
        guard unsafe cepoll_descriptor_limit(&before) == 0 else { return 1 }
        var limit = before
        limit.rlim_cur = rlim_t(next)
        guard unsafe cepoll_set_descriptor_limit(&limit) == 0 else { return 2 }
        defer { _ = unsafe cepoll_set_descriptor_limit(&before) }
        guard case .exhausted(let errno) = listener.accept(), errno == Errno(rawValue: EMFILE) else { return 3 }
        guard eventually(looks: 500, { reserve.turnAway(at: listener) }) else { return 4 }
        guard client.receive().result == .endOfStream else { return 5 }
        guard !reserve.turnAway(at: listener) else { return 6 }
        return 0
    }
}
