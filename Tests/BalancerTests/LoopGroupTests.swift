import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

@Suite struct LoopGroupTests {
    /// A loop whose poller fails takes the others with it, and is named.
    @Test(arguments: [0, 1, 2]) func aLoopThatFailsEndsAll(failing: Int) throws {
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 20000))],
            pools: [.init(backends: [.init(address: .ipv4(0x7F00_0001, port: 8090))])], log: .changes, threads: 3)
        let kernel = FailingKernel(failing: failing)
        let failure = withScriptedKernel(kernel) { () -> LoopFailure? in
            do throws(LoopFailure) {
                let log = EventLog(.changes, output: OutputStream(number: 1), errors: OutputStream(number: 2))
                try LoopGroup.run(configuration, output: log)
                return nil
            } catch {
                return error
            }
        }
        // The loops on threads of their own are made in any order.
        #expect(failure.map { $0.loop == 0 } == (failing == 0))
        #expect(failure?.cause.errno == Errno(rawValue: EBADF))
        #expect(failure.map { "\($0)".hasSuffix(": epoll_wait: Bad file descriptor") } == true)
        #expect(kernel.output.hasPrefix("listening on 127.0.0.1:20000"))
    }

    @Test func aTroubleOfSeveralLoopsIsToldOnce() {
        var tally = Tally()
        let begins = [tally.begin(), tally.begin()]
        #expect(begins == [true, false])
        #expect(tally.end(2) == nil)
        #expect(!tally.begin() as Bool)
        #expect(tally.end(3) == nil)
        #expect(tally.end(4) == 9)
        #expect(tally.begin() as Bool)
        #expect(tally.end(1) == 1)
    }
}

/// A kernel in which nothing ever happens but wakes, and in which one poller, counted in the order they are made,
/// cannot wait.
private final class FailingKernel: ScriptedKernel, @unchecked Sendable {
    private struct State {
        var last: CInt = 100
        var pollers: [CInt] = []
        /// The poller and token of each eventfd.
        var wakers: [CInt: (poller: CInt, data: UInt64)] = [:]
        var events: [CInt: [UInt64]] = [:]
        /// The eventfds that were written to before they were in a poller.
        var written: Set<CInt> = []
        var output = ""
    }

    private let lock = Lock()
    /// Only touched by who holds the lock.
    private var state = State()
    private let failing: Int

    init(failing: Int) {
        self.failing = failing
    }

    private func locked<Result>(_ body: (inout State) -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body(&state)
    }

    var output: String { locked { $0.output } }

    private func make() -> CInt {
        locked { state in
            state.last += 1
            return state.last
        }
    }

    func epollCreate() -> CInt {
        let number = make()
        locked { $0.pollers.append(number) }
        return number
    }

    func eventCreate() -> CInt {
        let number = make()
        locked { $0.wakers[number] = (-1, 0) }
        return number
    }

    func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt {
        locked { state in
            guard state.wakers[descriptor] != nil else { return }
            state.wakers[descriptor] = (epoll, data)
            if state.written.remove(descriptor) != nil { state.events[epoll, default: []].append(data) }
        }
        return 0
    }

    func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        let text = descriptor == 1 ? unsafe String(decoding: bytes, as: UTF8.self) : ""
        locked { state in
            state.output += text
            guard let (poller, data) = state.wakers[descriptor] else { return }
            if poller < 0 { state.written.insert(descriptor) } else { state.events[poller, default: []].append(data) }
        }
        return bytes.count
    }

    func epollWait(_ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt) -> CInt {
        let isFailing = locked { $0.pollers.firstIndex(of: epoll) == failing }
        if isFailing { return -EBADF }
        while true {
            let next = locked { $0.events[epoll, default: []].popLast() }
            if let next {
                unsafe cepoll_event_set(&events[0], CEPOLL_IN, next)
                return 1
            }
            sched_yield()
        }
    }

    func timerCreate() -> CInt { make() }
    func socket(domain: CInt) -> CInt { make() }
    func open(_ path: String, flags: CInt) -> CInt { make() }
    func epollRemove(_ epoll: CInt, _ descriptor: CInt) -> CInt { 0 }
    func monotonicNanoseconds() -> UInt64 { 1_000_000_000 }
    func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt { 0 }
    func bind(_ socket: CInt, to address: SocketAddress) -> CInt { 0 }
    func listen(_ socket: CInt, backlog: CInt) -> CInt { 0 }
    func connect(_ socket: CInt, to address: SocketAddress) -> CInt { -EINPROGRESS }
    func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) { (-EAGAIN, nil) }
    func readiness(_ descriptor: CInt) -> UInt32 { 0 }
    func localAddress(_ socket: CInt) -> SocketAddress? { nil }
    func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt { 0 }
    func takeError(_ socket: CInt) -> CInt { 0 }
    func setResetOnClose(_ socket: CInt) -> CInt { 0 }
    func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int { -Int(EAGAIN) }
    func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int { -Int(EAGAIN) }
    func sendConnecting(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int {
        -Int(EINPROGRESS)
    }
    func shutdownWrite(_ socket: CInt) -> CInt { 0 }
    func pipe() -> (result: CInt, reader: CInt, writer: CInt) { (-EMFILE, -1, -1) }
    func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt { -EPERM }
    func splice(from source: CInt, to sink: CInt, count: Int) -> Int { -Int(EINVAL) }
    func isReadable(_ descriptor: CInt) -> Bool { false }
    func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int { -Int(EAGAIN) }

    /// The signalfd is a real one.
    func close(_ descriptor: CInt) {
        if descriptor <= 100 { Glibc.close(descriptor) }
    }
}
