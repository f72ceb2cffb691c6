#if SCRIPTED_KERNEL
    import CEpoll
    import Glibc
    import Reactor

    /// The scripted kernel of a million sessions: clients that send when they are told to, backends that send back what
    /// they get. A call costs a few loads and stores at places that are found by the descriptor's number, and no memory
    /// that was not touched at the start; so what the balancer costs can be told from what the script does.
    ///
    /// Descriptors are numbered upwards and no number is given twice. From ``startSessions()`` on a client's socket is
    /// followed by that of its backend: session `n` has `first + 2n` and `first + 2n + 1`.
    @safe final class ScaleKernel: ScriptedKernel {
        /// CLOCK_MONOTONIC.
        var nanoseconds: UInt64 = 1_000_000_000_000
        /// Clients that wait to be accepted.
        private(set) var arrivals = 0
        /// Sessions accepted since ``startSessions()``.
        private(set) var accepted = 0
        /// Bytes that the clients got back.
        private(set) var echoed = 0
        /// What the balancer has connected to so far.
        private(set) var connects = 0

        private var first: CInt = .max
        private var last: CInt = 15
        private var listener: CInt = -1
        private var timer: CInt = -1
        private var timerAt: UInt64 = 0

        /// By descriptor: its token, and the bytes that a read finds.
        private let tokens: UnsafeMutableBufferPointer<UInt64>
        private let input: UnsafeMutableBufferPointer<Int32>
        /// Events that no poll has delivered, a ring.
        private let events: UnsafeMutableBufferPointer<Report>
        private var firstEvent = 0
        private var eventCount = 0

        private struct Report {
            var data: UInt64
            var readiness: UInt32
        }

        /// A session may have an event of either side at the same time, not many sessions do.
        private static let eventsMax = 1 << 16
        /// Descriptors that are not sessions': of the loop, and of probes.
        private static let descriptorsBeside = 1 << 12

        /// Memory for so many sessions, touched: what a process takes beyond it is the balancer's.
        init(sessions: Int) {
            let descriptors = 2 * sessions + Self.descriptorsBeside
            unsafe tokens = .allocate(capacity: descriptors)
            unsafe input = .allocate(capacity: descriptors)
            unsafe events = .allocate(capacity: Self.eventsMax)
            unsafe tokens.initialize(repeating: 0)
            unsafe input.initialize(repeating: 0)
            unsafe events.initialize(repeating: Report(data: 0, readiness: 0))
        }

        deinit {
            unsafe tokens.deallocate()
            unsafe input.deallocate()
            unsafe events.deallocate()
        }

        // MARK: for the benchmark

        /// What is accepted from now on are sessions.
        func startSessions() {
            last += 1
            first = last + 1
        }

        /// So many clients more wait to be accepted.
        func arrive(_ count: Int) {
            arrivals += count
            post(listener, CEPOLL_IN)
        }

        /// The client of a session sends a message of 64 bytes.
        func send(from session: Int) {
            deliver(Self.messageBytes, to: first + CInt(2 * session))
        }

        /// True while polls would deliver something.
        var hasEvents: Bool { eventCount > 0 }

        /// When the balancer wants to be woken.
        var wakesAt: UInt64 { timerAt }

        private func deliver(_ bytes: Int32, to socket: CInt) {
            unsafe input[Int(socket)] += bytes
            post(socket, CEPOLL_IN)
        }

        static let messageBytes: Int32 = 64

        private func post(_ descriptor: CInt, _ readiness: UInt32) {
            precondition(eventCount < Self.eventsMax, "more events than the script has room for")
            let place = (firstEvent + eventCount) & (Self.eventsMax - 1)
            unsafe events[place] = Report(data: tokens[Int(descriptor)], readiness: readiness)
            eventCount += 1
        }

        private func make() -> CInt {
            last += 1
            return last
        }

        // MARK: epoll, time

        func epollCreate() -> CInt { make() }
        func epollRemove(_ epoll: CInt, _ descriptor: CInt) -> CInt { 0 }
        func eventCreate() -> CInt { make() }
        func monotonicNanoseconds() -> UInt64 { nanoseconds }

        func timerCreate() -> CInt {
            timer = make()
            return timer
        }

        func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt {
            timerAt = nanoseconds
            return 0
        }

        /// A stream is reported as writable when it is added, also one that connects: backends answer at once.
        func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt {
            unsafe tokens[Int(descriptor)] = data
            if interest & CEPOLL_OUT != 0 { post(descriptor, CEPOLL_OUT) }
            return 0
        }

        func epollWait(
            _ epoll: CInt, _ buffer: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt
        ) -> CInt {
            var count = 0
            if timerAt != 0, timerAt <= nanoseconds {
                timerAt = 0
                unsafe cepoll_event_set(&buffer[0], CEPOLL_IN, tokens[Int(timer)])
                count = 1
            }
            while eventCount > 0, count < buffer.count {
                let event = unsafe events[firstEvent]
                unsafe cepoll_event_set(&buffer[count], event.readiness, event.data)
                firstEvent = (firstEvent + 1) & (Self.eventsMax - 1)
                eventCount -= 1
                count += 1
            }
            return CInt(count)
        }

        // MARK: sockets

        func socket(domain: CInt) -> CInt { make() }
        func bind(_ socket: CInt, to address: SocketAddress) -> CInt { 0 }

        func listen(_ socket: CInt, backlog: CInt) -> CInt {
            listener = socket
            return 0
        }

        func connect(_ socket: CInt, to address: SocketAddress) -> CInt {
            connects += 1
            return -EINPROGRESS
        }

        /// A client with an IPv6 address, which takes a place in a column of its own.
        func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
            guard arrivals > 0 else { return (-EAGAIN, nil) }
            arrivals -= 1
            let number = make()
            precondition(number == first + CInt(2 * accepted), "a session without a backend's socket")
            accepted += 1
            let low = UInt64(truncatingIfNeeded: accepted)
            return (number, .ipv6(high: 0x2001_0DB8_0000_0000, low: low, scope: 0, port: 40_000))
        }

        func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int {
            let count = min(unsafe Int(input[Int(socket)]), buffer.count)
            guard count > 0 else { return -Int(EAGAIN) }
            if !peek { unsafe input[Int(socket)] -= Int32(count) }
            return count
        }

        /// A backend sends a message back at once; the balancer is told of it by the next poll.
        func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
            if (socket - first) & 1 == 1 { deliver(Int32(bytes.count), to: socket) } else { echoed += bytes.count }
            return bytes.count
        }

        func sendConnecting(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int {
            Int(connect(socket, to: address))
        }

        func isReadable(_ descriptor: CInt) -> Bool { descriptor == listener && arrivals > 0 }
        func localAddress(_ socket: CInt) -> SocketAddress? { nil }
        func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt { 0 }
        func setResetOnClose(_ socket: CInt) -> CInt { 0 }
        func takeError(_ socket: CInt) -> CInt { 0 }
        func readiness(_ descriptor: CInt) -> UInt32 { CEPOLL_OUT }
        func shutdownWrite(_ socket: CInt) -> CInt { 0 }
        func close(_ descriptor: CInt) {}

        // MARK: other descriptors

        /// The reserve is the only file here. The balancer has defaults for what it reads from /proc.
        func open(_ path: String, flags: CInt) -> CInt { path == "/dev/null" ? make() : -ENOENT }
        func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int { -Int(EAGAIN) }
        func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int { bytes.count }
        func pipe() -> (result: CInt, reader: CInt, writer: CInt) { (-EMFILE, -1, -1) }
        func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt { -EPERM }
        func splice(from source: CInt, to sink: CInt, count: Int) -> Int { -Int(EINVAL) }
    }
#endif
