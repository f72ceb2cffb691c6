import CEpoll
import Glibc
import Reactor
import TestSupport

@testable import Balancer

/// A kernel with a network around it, played from one seed: clients that come, backends that answer, refuse or keep
/// silent, bytes that arrive in any portions, hosts that stall, half-close, reset or vanish, descriptors that run out.
///
/// It keeps epoll's edge-triggered promises and no more: an event when something arrives, when room appears after a
/// write that found none, and at times one for nothing. Time stands still while anything can happen without it, unless
/// the process stands still (``Faults/freezePercent``).
final class SimulatedKernel: ScriptedKernel {
    enum Object {
        case epoll
        case timer
        case file
        case event(SimulatedEvent)
        case listener(SimulatedListener)
        case socket(SimulatedSocket)
        case pipeReader(SimulatedPipe)
        case pipeWriter(SimulatedPipe)
    }

    struct Faults {
        var descriptorsMax = 1000
        var refusedPercent = 0
        var silentPercent = 0
        var failedConnectPercent = 0
        var abortedAcceptPercent = 0
        /// So many accepts find no memory.
        var acceptsWithoutMemory = 0
        /// Pipes that cannot be had.
        var failedPipePercent = 0
        /// Splices that the kernel refuses.
        var refusedSplicePercent = 0
        /// Splices to a socket that move nothing and name no error.
        var emptySplicePercent = 0
        /// Waits, and readings of the clock, at which the process stands still: SIGSTOP, a frozen container.
        var freezePercent = 0
        /// Polls that a signal interrupts.
        var interruptedPercent = 0
        /// Polls that return as many events as there is room for, and leave others behind.
        var fullBatchPercent = 0
        var spuriousPercent = 0
        var spuriousBlockPercent = 5
        var resetPercent = 0
        var closePercent = 0
        /// Clients never reset and never close without reading: whatever reaches them counts.
        var clientsAreFriendly = false
        var neverEndsPercent = 0
        var neverReadsPercent = 0
        var stallPercent = 20
        var roomMax = 600
        var plannedMax = 3000
    }

    var random: SeededGenerator
    var faults: Faults
    var objects: [CInt: Object] = [:]
    /// Those below are the real kernel's: the signalfd.
    private static let firstDescriptor: CInt = 10_000
    /// The port of the listener of the first pool; the others follow.
    static let firstPort = 20_000
    /// Signals that have arrived and were not read yet.
    var signals = SimulatedSignals()
    var nanoseconds: UInt64 = 1_000_000_000_000
    var pace = Pace(now: 1_000_000_000_000)
    /// The clock has not been read in this turn.
    var isClockNews = true
    /// What the timerfd is set for; 0 once it has expired.
    var timer: UInt64 = 0
    /// What the timerfd was set for last.
    var timerSetting = UInt64.max
    /// Polls in a row that were interrupted or full.
    var incompletePolls = 0
    /// Those that are open, and how many there ever were.
    var listeners: [SimulatedListener] = []
    /// Where sockets that may become listeners are bound.
    private var ports: [CInt: UInt16] = [:]
    /// Those by which threads wake the loop.
    var wakers: [SimulatedEvent] = []
    /// Clients that were not accepted before their listener was closed.
    var arrivalsLost = 0
    var timerData: UInt64 = 0
    var output = ""
    /// What the watch has not read yet of it.
    var newOutput = ""
    /// Likewise of the other output, for events; and both turn by turn, of runs with a book.
    var newEvents = ""
    var turnsOutput = ""
    /// What was closed since the watch looked last.
    var closed: [ClosedSocket] = []
    /// What began to connect since then.
    var connecting: [SimulatedSocket] = []
    /// Every connection there ever was, by the identity of its host.
    var clients: [SimulatedSocket] = []
    var backends: [SimulatedSocket] = []
    /// Those that may still do something.
    var live: [SimulatedSocket] = []
    /// With more of them it is time to look for those that are closed.
    var liveMax = 32
    var clientsToCome: Int
    /// What listeners ask of clients, who then have leads; nil where they ask for nothing.
    var book: PrefaceBook?
    private var nextID: UInt32 = 1
    /// Bytes that went along with a SYN.
    var sentWithSYN = 0
    /// What the balancer has called for in this turn.
    var turn = TurnCalls()
    /// Bytes that left a pipe for a socket.
    var splicedBytes = 0
    /// Splices from a socket that were asked for.
    var spliceCalls = 0
    /// What was spliced from each socket since the last wait, and the most of it ever.
    var splicedInTurn: [CInt: Int] = [:]
    var mostSplicedInTurn = 0
    /// What the next reads, writes and splices return, before the simulation answers.
    var answers: [Int] = []
    /// How often the balancer was refused a descriptor.
    var exhaustions = 0
    private var acceptsWithoutMemory = 0

    init(seed: UInt64, clients: Int, faults: Faults) {
        random = SeededGenerator(seed: seed)
        clientsToCome = clients
        self.faults = faults
    }

    // MARK: descriptors

    func allocate(_ object: Object) -> CInt {
        guard objects.count < faults.descriptorsMax else {
            exhaustions += 1
            return -EMFILE
        }
        var number = Self.firstDescriptor
        while objects[number] != nil { number += 1 }
        objects[number] = object
        return number
    }

    func socketObject(_ number: CInt) -> SimulatedSocket? {
        guard case .socket(let socket) = objects[number] else { return nil }
        return socket
    }

    /// All that the balancer has open.
    var openDescriptors: Int { objects.count + (signals.descriptor == nil ? 0 : 1) }

    func close(_ descriptor: CInt) {
        if descriptor == signals.descriptor {
            signals.descriptor = nil
            Glibc.close(descriptor)
            return
        }
        guard let object = objects.removeValue(forKey: descriptor) else {
            preconditionFailure("descriptor \(descriptor) closed twice")
        }
        if case .listener(let listener) = object {
            listeners.removeAll { $0 === listener }
            arrivalsLost += listener.arrivals.count
            for client in listener.arrivals { client.host.sawReset = true }
        }
        guard case .socket(let socket) = object else { return }
        closed.append(ClosedSocket(socket, age: pace.counted(at: nanoseconds) - socket.began))
        socket.data = nil
        socket.isClosed = true
        guard socket.state == .connected else { return }
        if socket.resetsOnClose || !socket.inbox.isEmpty {
            // RFC 1122, 4.2.2.13: unread bytes make the close a RST, and what the host has not read is lost to it.
            socket.host.sawReset = true
            socket.outbox.removeAll()
        } else {
            socket.outboxEnded = true
        }
    }

    func makeHost(_ id: UInt32) -> Host {
        var host = Host(id: id, planned: random.chance(15) ? 0 : Int.random(in: 4...faults.plannedMax, using: &random))
        if random.chance(faults.resetPercent) {
            host.farewell = .reset
        } else if random.chance(faults.closePercent) {
            host.farewell = .close
        }
        host.waitsForEnd = host.farewell == .finish && random.chance(40)
        host.neverEnds = random.chance(faults.neverEndsPercent)
        host.neverReads = random.chance(faults.neverReadsPercent)
        if random.chance(faults.stallPercent) { host.stalls = Int.random(in: 10...100, using: &random) }
        return host
    }

    func makeSocket() -> SimulatedSocket {
        let host = makeHost(nextID)
        nextID += 1
        return SimulatedSocket(host: host, room: Int.random(in: 1...faults.roomMax, using: &random))
    }

    /// The watch has looked at what was written in this turn.
    func endOutput() {
        if book != nil { turnsOutput += newEvents + newOutput }
        (newEvents, newOutput) = ("", "")
    }

    // MARK: epoll

    func epollCreate() -> CInt { allocate(.epoll) }
    func timerCreate() -> CInt { allocate(.timer) }
    func eventCreate() -> CInt { allocate(.event(SimulatedEvent())) }
    func open(_ path: String, flags: CInt) -> CInt { path.hasPrefix("/proc") ? -ENOENT : allocate(.file) }
    func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt {
        switch objects[descriptor] {
        case .socket(let socket):
            socket.data = data
            socket.isSignalled = true
        case .listener(let listener): listener.data = data
        case .event(let event):
            event.data = data
            wakers.append(event)
        case .timer: timerData = data
        case .file, .epoll, .pipeReader, .pipeWriter: break
        case nil where descriptor < 3: break
        case nil where descriptor < Self.firstDescriptor: signals.watch(descriptor, data)
        case nil: return -EBADF
        }
        return 0
    }

    func epollRemove(_ epoll: CInt, _ descriptor: CInt) -> CInt { 0 }

    // MARK: calls on sockets

    func socket(domain: CInt) -> CInt {
        allocate(.socket(makeSocket()))
    }

    func bind(_ socket: CInt, to address: SocketAddress) -> CInt {
        ports[socket] = address.port
        return 0
    }
    func readiness(_ descriptor: CInt) -> UInt32 { socketObject(descriptor)?.readiness ?? CEPOLL_ERR }
    func localAddress(_ socket: CInt) -> SocketAddress? { nil }
    func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt { 0 }

    func listen(_ socket: CInt, backlog: CInt) -> CInt {
        // Once more, with another backlog.
        if case .listener = objects[socket] { return 0 }
        let listener = SimulatedListener(pool: Int(ports[socket] ?? 0) - Self.firstPort)
        objects[socket] = .listener(listener)
        listeners.append(listener)
        return 0
    }

    func connect(_ socket: CInt, to address: SocketAddress) -> CInt {
        signals.noteCall()
        guard let object = socketObject(socket) else { return -EBADF }
        if random.chance(faults.failedConnectPercent) { return -EADDRNOTAVAIL }
        object.address = address
        object.state = .connecting
        object.began = pace.counted(at: nanoseconds)
        connecting.append(object)
        backends.append(object)
        live.append(object)
        return -EINPROGRESS
    }

    func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        signals.noteCall()
        guard case .listener(let listener) = objects[listener] else { return (-EBADF, nil) }
        guard let first = listener.arrivals.first else { return (-EAGAIN, nil) }
        if acceptsWithoutMemory < faults.acceptsWithoutMemory {
            acceptsWithoutMemory += 1
            return (-ENOMEM, nil)
        }
        if random.chance(faults.abortedAcceptPercent) { return (-ECONNABORTED, nil) }
        let number = allocate(.socket(first))
        if number < 0 { return (number, nil) }
        first.wasAccepted = true
        return (number, listener.arrivals.removeFirst().address)
    }

    func takeError(_ socket: CInt) -> CInt {
        guard let object = socketObject(socket) else { return EBADF }
        defer { object.error = 0 }
        return object.error
    }

    func unacknowledged(_ socket: CInt) -> CInt { CInt(socketObject(socket)?.outbox.count ?? 0) }

    func setResetOnClose(_ socket: CInt) -> CInt {
        socketObject(socket)?.resetsOnClose = true
        return 0
    }

    func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int {
        signals.noteCall()
        if !answers.isEmpty { return answers.removeFirst() }
        guard let object = socketObject(socket) else { return -Int(EBADF) }
        turn.touch(object)
        if buffer.count > 1 { turn.reads += 1 }
        if object.inbox.isEmpty {
            if object.error != 0 {
                defer { object.error = 0 }
                return -Int(object.error)
            }
            return object.inboxEnded ? 0 : -Int(EAGAIN)
        }
        let count = min(buffer.count, object.inbox.count)
        for place in 0..<count { unsafe buffer[place] = object.inbox[place] }
        if !peek {
            object.inbox.removeFirst(count)
            turn.bytes += count
        }
        return count
    }

    func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        signals.noteCall()
        if !answers.isEmpty { return answers.removeFirst() }
        guard let object = socketObject(socket) else { return -Int(EBADF) }
        turn.touch(object)
        guard object.state == .connected, !object.outboxEnded else {
            defer { object.error = 0 }
            return -Int(object.error != 0 ? object.error : EPIPE)
        }
        let room = random.chance(faults.spuriousBlockPercent) ? 0 : object.outboxRoom - object.outbox.count
        let count = min(max(0, room), bytes.count)
        if count < bytes.count { object.wantsRoom = true }
        guard count > 0 else { return -Int(EAGAIN) }
        unsafe object.outbox.append(contentsOf: bytes.prefix(count))
        turn.sent += count
        return count
    }

    /// With a cookie some bytes go along, without one none; or it is not to be had. They leave room in the buffer
    /// (tcp(7): tcp_wmem is 4 KiB at least, and a segment with a SYN is smaller), so that a connect that stands is
    /// reported as writable.
    func sendConnecting(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int {
        if random.chance(20) { return -Int(EOPNOTSUPP) }
        let result = connect(socket, to: address)
        guard result == -EINPROGRESS, let object = socketObject(socket), object.outboxRoom > 1, random.chance(70)
        else { return Int(result) }
        let sent = Int.random(in: 1...min(bytes.count, object.outboxRoom - 1), using: &random)
        unsafe object.outbox.append(contentsOf: bytes.prefix(sent))
        sentWithSYN += sent
        return sent
    }

    func shutdownWrite(_ socket: CInt) -> CInt {
        guard let object = socketObject(socket), object.state == .connected else { return -ENOTCONN }
        turn.touch(object)
        object.outboxEnded = true
        return 0
    }

    func isReadable(_ descriptor: CInt) -> Bool {
        if case .listener(let listener) = objects[descriptor] { return !listener.arrivals.isEmpty }
        return false
    }

    func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard descriptor == signals.descriptor, let signal = signals.next() else { return -Int(EAGAIN) }
        var info = signalfd_siginfo()
        info.ssi_signo = UInt32(signal)
        unsafe withUnsafeBytes(of: &info) { unsafe buffer.copyMemory(from: $0) }
        return MemoryLayout<signalfd_siginfo>.size
    }

    func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        if case .event(let event) = objects[descriptor] { event.isSignalled = true }
        guard descriptor == 1 || book != nil && descriptor == 2 else { return bytes.count }
        let text = unsafe String(decoding: bytes, as: UTF8.self)
        guard descriptor == 1 else {
            newEvents += text
            return bytes.count
        }
        output += text
        newOutput += text
        return bytes.count
    }
}
