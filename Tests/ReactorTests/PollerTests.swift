import CEpoll
import Glibc
import Reactor
import Testing

private func token(_ number: Int) -> Token { Token(kind: 3, index: number) }

/// Answers epoll_wait(2) with one number.
private final class WaitingKernel: ForwardingKernel {
    var answer: CInt = 0

    override func epollWait(
        _ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt
    ) -> CInt { answer }
}

/// Keeps the timeouts that were asked for.
private final class TimeoutKernel: ForwardingKernel {
    var timeouts: [CInt] = []

    override func epollWait(
        _ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt
    ) -> CInt {
        timeouts.append(milliseconds)
        return 0
    }
}

@Suite struct PollerTests {
    @Test func readinessHasTheNumbersOfTheKernel() {
        #expect(Readiness.readable.rawValue == CEPOLL_IN)
        #expect(Readiness.writable.rawValue == CEPOLL_OUT)
        #expect(Readiness.urgent.rawValue == CEPOLL_PRI)
        #expect(Readiness.readHangup.rawValue == CEPOLL_RDHUP)
        #expect(Readiness.hangup.rawValue == CEPOLL_HUP)
        #expect(Readiness.error.rawValue == CEPOLL_ERR)
    }

    @Test func aChangeIsReportedOnce() throws {
        let poller = try Poller()
        var events = EventBuffer(capacity: 8)
        let pair = try StreamPair()
        #expect(pair.near.add(to: poller, token(1)) == nil)
        try poller.poll(into: &events, timeout: .immediately)
        try #require(events.count == 1)
        #expect(events[0].token == token(1))
        #expect(events[0].readiness == .writable)
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)

        #expect(pair.far.send("x") == .bytes(1))
        try poller.poll(into: &events, timeout: .immediately)
        try #require(events.count == 1)
        #expect(events[0].readiness.contains(.readable))
        // It is still unread, and yet no news.
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)

        pair.far.shutdownWrite()
        try poller.poll(into: &events, timeout: .immediately)
        try #require(events.count == 1)
        #expect(events[0].readiness.contains(.readHangup))
        #expect(!events[0].readiness.isDisjoint(with: .ending))
        #expect(!events[0].readiness.contains(.hangup))
    }

    @Test func whatDoesNotFitComesWithTheNextPoll() throws {
        let poller = try Poller()
        var events = EventBuffer(capacity: 2)
        var slab = Slab<Stream>(capacity: 6)
        for _ in 0..<3 {
            let pair = try StreamPair()
            _ = slab.insert(pair.near)
            _ = slab.insert(pair.far)
        }
        for index in 0..<6 { #expect(slab[index].add(to: poller, token(index)) == nil) }
        var seen: Set<Int> = []
        for _ in 0..<3 {
            try poller.poll(into: &events, timeout: .immediately)
            #expect(events.count == 2)
            for index in 0..<events.count { seen.insert(events[index].token.index) }
        }
        #expect(seen == [0, 1, 2, 3, 4, 5])
    }

    @Test func aBufferHasRoomForOneEventAtLeast() throws {
        let poller = try Poller()
        var events = EventBuffer(capacity: 0)
        let waker = try Waker()
        #expect(waker.add(to: poller, token(1)) == nil)
        waker.wake()
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 1)
    }

    @Test func anotherPollerIsReadableWhileItHasEvents() throws {
        let outer = try Poller()
        let inner = try Poller()
        let pair = try StreamPair()
        var events = EventBuffer(capacity: 8)
        #expect(pair.near.add(to: inner, token(1)) == nil)
        try inner.poll(into: &events, timeout: .immediately)
        #expect(outer.add(inner, token(2)) == nil)
        try outer.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)

        #expect(pair.far.send("x") == .bytes(1))
        // Level-triggered: reported until the inner poller has been asked.
        for _ in 0..<2 {
            try outer.poll(into: &events, timeout: .immediately)
            try #require(events.count == 1)
            #expect(events[0].token == token(2))
        }
        try inner.poll(into: &events, timeout: .immediately)
        #expect(events.count == 1)
        try outer.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)
    }

    @Test func aDescriptorOfTheProcessCanBeTakenOut() throws {
        let poller = try Poller()
        let pair = try socketPair()
        let peer = Stream(pair.far)
        var events = EventBuffer(capacity: 8)
        #expect(poller.add(number: pair.near.rawValue, token(1), .input) == nil)
        #expect(peer.send("x") == .bytes(1))
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 1)
        poller.remove(number: pair.near.rawValue)
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)
    }

    @Test func errorsOfAddingAreReported() throws {
        let poller = try Poller()
        let pair = try socketPair()
        #expect(poller.add(pair.near, token(1), .stream) == nil)
        #expect(poller.add(pair.near, token(1), .stream) == Errno(rawValue: EEXIST))
        #expect(poller.add(number: -1, token(1), .stream) == Errno(rawValue: EBADF))
        let file = FileDescriptor(owning: unsafe open("/proc/self/exe", O_RDONLY | O_CLOEXEC))
        #expect(poller.add(file, token(1), .input) == Errno(rawValue: EPERM))
    }

    @Test func aSignalMakesAnEmptyBatchAndAnErrorIsThrown() throws {
        let kernel = WaitingKernel()
        try withScriptedKernel(kernel) {
            let poller = try Poller()
            var events = EventBuffer(capacity: 8)
            kernel.answer = 3
            try poller.poll(into: &events, timeout: .never)
            #expect(events.count == 3)
            kernel.answer = -EINTR
            try poller.poll(into: &events, timeout: .never)
            #expect(events.count == 0)

            kernel.answer = 3
            try poller.poll(into: &events, timeout: .never)
            kernel.answer = -EBADF
            let error = #expect(throws: SystemCallError.self) {
                try poller.poll(into: &events, timeout: .never)
            }
            #expect(error?.errno == Errno(rawValue: EBADF))
            #expect(events.count == 0)
        }
    }

    @Test func timeoutsAsTheKernelWantsThem() throws {
        let kernel = TimeoutKernel()
        try withScriptedKernel(kernel) {
            let poller = try Poller()
            var events = EventBuffer(capacity: 1)
            for timeout in [.immediately, .never, .milliseconds(7), .milliseconds(-7)] as [Poller.Timeout] {
                try poller.poll(into: &events, timeout: timeout)
            }
            #expect(kernel.timeouts == [0, -1, 7, 0])
        }
    }

    @Test func anEventPastTheBatchIsATrap() async {
        await #expect(processExitsWith: .failure) {
            let events = EventBuffer(capacity: 4)
            print(events[0])
        }
    }
}
