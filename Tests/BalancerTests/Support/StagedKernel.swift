import CEpoll
import Glibc
import Reactor

/// A kernel in which nothing happens but what a test sets: it answers connects with ``connectAnswer``, accepts the
/// clients that the test lets arrive, and reports the events that the test posts, in one batch and in their order.
///
/// Descriptors are numbered upwards and no number is given twice, so what is left in ``descriptors`` was not closed.
final class StagedKernel: ScriptedKernel {
    /// Descriptors that are open.
    private(set) var descriptors: Set<CInt> = []
    /// What CLOCK_MONOTONIC shows to those who do not go by the loop's clock.
    var monotonic: UInt64 = 1_000_000_000
    /// How many may be open.
    var descriptorsMax = Int.max
    /// What connect(2) returns for an address.
    var connectAnswer: (SocketAddress) -> CInt = { _ in -EINPROGRESS }
    /// What getsockname(2) returns; nil of a socket that is not named here.
    var localAddresses: [CInt: SocketAddress] = [:]
    /// The source address that it chooses towards an address; nil for no route.
    var sourceAnswer: (SocketAddress) -> SocketAddress? = { _ in nil }
    /// All calls of connect(2), in their order.
    private(set) var connects: [(socket: CInt, address: SocketAddress)] = []
    /// Descriptors that have been closed, in their order.
    private(set) var closed: [CInt] = []
    /// Calls of socket(2).
    private(set) var sockets = 0
    /// Calls of poll(2) for what a poller would report.
    private(set) var looks = 0
    /// Whether the handshake of a socket has ended, as those calls tell it.
    var isEstablished: (CInt) -> Bool = { _ in true }
    /// Sockets that listen, in the order of listen(2).
    private(set) var listeners: [CInt] = []
    /// Sockets that were accepted, in their order.
    private(set) var accepted: [CInt] = []
    /// What reads find.
    var input: [CInt: [UInt8]] = [:]
    /// Sockets whose peer has ended its direction.
    var ended: Set<CInt> = []
    /// Sockets whose peer has reset the connection: reads fail once their bytes are read, and writes fail.
    var reset: Set<CInt> = []
    /// Sockets with more to read than is ever read.
    var endless: Set<CInt> = []
    /// What recv(2) has taken out of sockets, in order; peeks are not in it.
    private(set) var reads: [(socket: CInt, count: Int)] = []
    /// The listeners at which ``accepted`` were accepted.
    private(set) var acceptedAt: [CInt] = []
    /// Called with each socket that is accepted.
    var onAccept: ((CInt) -> Void)?
    /// Whether ``output`` has the bytes; ``written`` has their number in any case.
    var keepsOutput = true
    /// How many bytes were written.
    private(set) var written: [CInt: Int] = [:]
    /// Sockets whose direction was ended with a FIN, in their order.
    private(set) var finished: [CInt] = []
    /// What was written.
    private(set) var output: [CInt: [UInt8]] = [:]
    /// Bytes that a write to a socket takes at the most; nil for all.
    var room: [CInt: Int] = [:]
    /// SIOCOUTQ.
    var unacknowledged: [CInt: CInt] = [:]
    /// TCP_INFO: the round trip in microseconds.
    var roundTrip: CInt = 20
    /// What setsockopt(2) was called with, in order.
    private(set) var options: [(socket: CInt, level: CInt, option: CInt, value: CInt)] = []
    /// No memory is mapped, and none that is allocated grows.
    var isOutOfMemory = false
    /// The backlogs of ``listeners``.
    private(set) var backlogs: [CInt] = []
    /// SO_ERROR.
    var errors: [CInt: CInt] = [:]
    /// What sockets were bound to.
    private(set) var bound: [CInt: SocketAddress] = [:]
    /// What bind(2) returns for an address.
    var bindAnswer: (SocketAddress) -> CInt = { _ in 0 }
    /// What connect(2) returns for a socket; nil for what ``connectAnswer`` returns.
    var socketAnswer: ((CInt) -> CInt)?
    /// Sockets whose close is a RST.
    private(set) var resetOnClose: Set<CInt> = []
    /// Called after each close(2), with the descriptor: another thread may take the number.
    var onClose: ((CInt) -> Void)?
    /// Called with each socket that connects.
    var onConnect: ((CInt) -> Void)?
    /// What the next read of a socket fails with.
    var receiveErrors: [CInt: CInt] = [:]
    /// Called for each listen(2), with the address that the socket is bound to.
    var onListen: ((SocketAddress) -> Void)?

    private var last = first
    private static let first: CInt = 1000
    private var tokens: [CInt: UInt64] = [:]
    private var arrivals: [CInt: [SocketAddress]] = [:]
    private var events: [(data: UInt64, readiness: UInt32)] = []

    /// The timeouts of all calls of epoll_wait(2), in their order.
    private(set) var timeouts: [CInt] = []

    // MARK: for the test

    /// Lets a client arrive at a listener, and reports it.
    func arrive(at listener: CInt, from address: SocketAddress = .ipv4(0x0A00_0001, port: 40_000)) {
        arrivals[listener, default: []].append(address)
        post(listener, CEPOLL_IN)
    }

    /// Lets all that wait at a listener leave.
    func leave(_ listener: CInt) { arrivals[listener] = nil }

    /// Puts an event of a descriptor into the next batch.
    func post(_ descriptor: CInt, _ readiness: UInt32) {
        if let data = tokens[descriptor] { events.append((data, readiness)) }
    }

    /// Those sockets of ``connects`` that lead to an address.
    func sockets(to address: SocketAddress) -> [CInt] {
        connects.filter { $0.address == address }.map(\.socket)
    }

    private func make() -> CInt {
        guard descriptors.count < descriptorsMax else { return -EMFILE }
        last += 1
        descriptors.insert(last)
        return last
    }

    // MARK: epoll, time

    func epollCreate() -> CInt { make() }
    func timerCreate() -> CInt { make() }
    func eventCreate() -> CInt { make() }
    func epollRemove(_ epoll: CInt, _ descriptor: CInt) -> CInt { 0 }
    func monotonicNanoseconds() -> UInt64 { monotonic }
    func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt { 0 }

    func open(_ path: String, flags: CInt) -> CInt {
        // The reserve is the only file here. The balancer has defaults for what it reads from /proc.
        path == "/dev/null" ? make() : -ENOENT
    }

    func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt {
        tokens[descriptor] = data
        return 0
    }

    func epollWait(_ epoll: CInt, _ buffer: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt) -> CInt {
        timeouts.append(milliseconds)
        let count = min(events.count, buffer.count)
        for place in 0..<count {
            unsafe cepoll_event_set(&buffer[place], events[place].readiness, events[place].data)
        }
        events.removeFirst(count)
        return CInt(count)
    }

    func mapMemory(bytes: Int) -> UnsafeMutableRawPointer? {
        unsafe isOutOfMemory ? nil : mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    }

    func resizeMemory(_ memory: UnsafeMutableRawPointer?, bytes: Int) -> UnsafeMutableRawPointer? {
        unsafe isOutOfMemory ? nil : realloc(memory, bytes)
    }

    // MARK: sockets

    func socket(domain: CInt) -> CInt {
        sockets += 1
        return make()
    }

    func bind(_ socket: CInt, to address: SocketAddress) -> CInt {
        bound[socket] = address
        return bindAnswer(address)
    }

    func listen(_ socket: CInt, backlog: CInt) -> CInt {
        listeners.append(socket)
        backlogs.append(backlog)
        if let address = bound[socket] { onListen?(address) }
        return 0
    }

    func connect(_ socket: CInt, to address: SocketAddress) -> CInt {
        connects.append((socket, address))
        onConnect?(socket)
        return socketAnswer?(socket) ?? connectAnswer(address)
    }

    func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        guard let address = arrivals[listener]?.first else { return (-EAGAIN, nil) }
        let number = make()
        guard number >= 0 else { return (number, nil) }
        arrivals[listener]?.removeFirst()
        accepted.append(number)
        acceptedAt.append(listener)
        onAccept?(number)
        return (number, address)
    }

    func readiness(_ descriptor: CInt) -> UInt32 {
        looks += 1
        // poll(2) reports nothing of -1, which a socket that has been closed has.
        guard descriptors.contains(descriptor) else { return 0 }
        guard isEstablished(descriptor) else { return 0 }
        if reset.contains(descriptor) { return CEPOLL_IN | CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP | CEPOLL_RDHUP }
        let input: UInt32 = self.input[descriptor]?.isEmpty == false ? CEPOLL_IN : 0
        return CEPOLL_OUT | input | (ended.contains(descriptor) ? CEPOLL_IN | CEPOLL_RDHUP : 0)
    }

    func localAddress(_ socket: CInt) -> SocketAddress? { localAddresses[socket] }
    func peerAddress(_ socket: CInt) -> SocketAddress? { connects.last { $0.socket == socket }?.address }
    func sourceAddress(towards address: SocketAddress) -> SocketAddress? { sourceAnswer(address) }
    func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt {
        options.append((socket, level, option, value))
        return 0
    }
    func unacknowledged(_ socket: CInt) -> CInt { unacknowledged[socket] ?? 0 }
    func roundTrip(_ socket: CInt) -> CInt { roundTrip }
    func setResetOnClose(_ socket: CInt) -> CInt {
        resetOnClose.insert(socket)
        return 0
    }

    func takeError(_ socket: CInt) -> CInt { errors.removeValue(forKey: socket) ?? 0 }

    func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int {
        if let errno = receiveErrors.removeValue(forKey: socket) { return -Int(errno) }
        let count = endless.contains(socket) ? buffer.count : unsafe receiveInput(socket, buffer, peek: peek)
        if !peek { reads.append((socket, count)) }
        return count
    }

    private func receiveInput(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int {
        guard let bytes = input[socket], !bytes.isEmpty else {
            if reset.contains(socket) { return -Int(ECONNRESET) }
            return ended.contains(socket) ? 0 : -Int(EAGAIN)
        }
        let count = min(bytes.count, buffer.count)
        unsafe bytes.withUnsafeBytes { unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        if !peek { input[socket]?.removeFirst(count) }
        return count
    }

    func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        if reset.contains(socket) { return -Int(EPIPE) }
        let count = min(room[socket] ?? bytes.count, bytes.count)
        guard count > 0 else { return -Int(EAGAIN) }
        if keepsOutput { unsafe output[socket, default: []].append(contentsOf: bytes.prefix(count)) }
        written[socket, default: 0] += count
        if let left = room[socket] { room[socket] = left - count }
        return count
    }

    func sendConnecting(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int {
        Int(connect(socket, to: address))
    }

    func shutdownWrite(_ socket: CInt) -> CInt {
        finished.append(socket)
        return 0
    }

    func close(_ descriptor: CInt) {
        // Descriptors of calls that no script answers: of the service manager's socket.
        guard descriptor > Self.first else { return _ = Glibc.close(descriptor) }
        precondition(descriptors.remove(descriptor) != nil, "descriptor \(descriptor) closed twice")
        closed.append(descriptor)
        onClose?(descriptor)
    }

    func isReadable(_ descriptor: CInt) -> Bool { arrivals[descriptor]?.isEmpty == false }
    func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int { -Int(EAGAIN) }
    func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int { bytes.count }
    func pipe() -> (result: CInt, reader: CInt, writer: CInt) { (-EMFILE, -1, -1) }
    func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt { -EPERM }
    func splice(from source: CInt, to sink: CInt, count: Int) -> Int { -Int(EINVAL) }
}
