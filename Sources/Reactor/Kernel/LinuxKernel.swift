import CEpoll
import Glibc

/// The system calls of the reactor, made for real: no other file makes any on descriptors or paths.
///
/// Each function returns what the call returns, or `-errno`; nothing is retried and nothing decided here. The reactor
/// makes its calls through ``kernel``, so that a test can answer them. Calls that no test answers are static.
struct LinuxKernel {
    // MARK: epoll

    func epollCreate() -> CInt {
        cepoll_create()
    }

    func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt {
        cepoll_add(epoll, descriptor, interest, data)
    }

    func epollRemove(_ epoll: CInt, _ descriptor: CInt) -> CInt {
        cepoll_remove(epoll, descriptor)
    }

    func epollWait(_ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt) -> CInt {
        unsafe cepoll_wait(epoll, events.baseAddress, CInt(events.count), milliseconds)
    }

    // MARK: time, wake-ups

    func monotonicNanoseconds() -> UInt64 { read(CLOCK_MONOTONIC) }

    func threadProcessorNanoseconds() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    @inline(__always) private func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        _ = unsafe clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    func timerCreate() -> CInt {
        cepoll_timer_create()
    }

    func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt {
        cepoll_timer_set(timer, nanoseconds)
    }

    func eventCreate() -> CInt {
        cepoll_event_create()
    }

    // MARK: sockets

    func socket(domain: CInt) -> CInt {
        cepoll_socket(domain)
    }

    func datagramSocket(domain: CInt) -> CInt {
        cepoll_datagram_socket(domain)
    }

    func bind(_ socket: CInt, to address: SocketAddress) -> CInt {
        unsafe address.withSockAddr { CInt(Self.orErrno(Int(unsafe Glibc.bind(socket, $0, $1)))) }
    }

    func listen(_ socket: CInt, backlog: CInt) -> CInt {
        CInt(Self.orErrno(Int(Glibc.listen(socket, backlog))))
    }

    func setMode(ofPath path: String, _ mode: mode_t) -> CInt {
        CInt(Self.orErrno(Int(unsafe chmod(path, mode))))
    }

    func setOwner(ofPath path: String, _ owner: uid_t?, group: gid_t?) -> CInt {
        // -1 leaves it as it is.
        CInt(Self.orErrno(Int(unsafe chown(path, owner ?? .max, group ?? .max))))
    }

    func connect(_ socket: CInt, to address: SocketAddress) -> CInt {
        unsafe address.withSockAddr { CInt(Self.orErrno(Int(unsafe Glibc.connect(socket, $0, $1)))) }
    }

    /// The new descriptor and the peer's address, or `-errno`.
    func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        var descriptor: CInt = -1
        let peer = unsafe SocketAddress.filled { address, length in
            descriptor = unsafe cepoll_accept(listener, address, length)
            return descriptor
        }
        return (descriptor, peer)
    }

    /// The address that a socket is bound to.
    func localAddress(_ socket: CInt) -> SocketAddress? {
        unsafe SocketAddress.filled { unsafe getsockname(socket, $0, $1) }
    }

    /// The address that a socket is connected to; nil before the handshake has ended.
    func peerAddress(_ socket: CInt) -> SocketAddress? {
        unsafe SocketAddress.filled { unsafe getpeername(socket, $0, $1) }
    }

    /// The source address that the kernel chooses towards an address; nil without a route. Nothing is sent: a datagram
    /// socket is connected.
    func sourceAddress(towards address: SocketAddress) -> SocketAddress? {
        let socket = cepoll_datagram_socket(address.family)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        return connect(socket, to: address) < 0 ? nil : localAddress(socket)
    }

    func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt {
        cepoll_set_option(socket, level, option, value)
    }

    /// SO_ERROR: the pending error of a socket, which the call clears; 0 for none.
    func takeError(_ socket: CInt) -> CInt {
        var error: CInt = 0
        let result = unsafe cepoll_get_option(socket, SOL_SOCKET, SO_ERROR, &error)
        return result < 0 ? -result : error
    }

    func roundTrip(_ socket: CInt) -> CInt {
        cepoll_round_trip(socket)
    }

    func unacknowledged(_ socket: CInt) -> CInt {
        cepoll_unacknowledged(socket)
    }

    func setResetOnClose(_ socket: CInt) -> CInt {
        cepoll_set_reset_on_close(socket)
    }

    func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int {
        Self.orErrno(unsafe recv(socket, buffer.baseAddress, buffer.count, peek ? CInt(MSG_PEEK) : 0))
    }

    /// MSG_NOSIGNAL: a reader that has gone is EPIPE, never SIGPIPE. MSG_DONTWAIT also for sockets of others (stdout).
    func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        let flags = CInt(MSG_NOSIGNAL | MSG_DONTWAIT)
        return Self.orErrno(unsafe Glibc.send(socket, bytes.baseAddress, bytes.count, flags))
    }

    /// Connects, and sends `bytes` with the SYN. MSG_FASTOPEN is 0x20000000 in <linux/socket.h>; see tcp(7).
    func sendConnecting(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int {
        let flags = CInt(MSG_NOSIGNAL | MSG_DONTWAIT) | 0x2000_0000
        return unsafe address.withSockAddr {
            Self.orErrno(unsafe sendto(socket, bytes.baseAddress, bytes.count, flags, $0, $1))
        }
    }

    func shutdownWrite(_ socket: CInt) -> CInt {
        CInt(Self.orErrno(Int(shutdown(socket, CInt(SHUT_WR)))))
    }

    // MARK: descriptors of any kind

    func close(_ descriptor: CInt) {
        // On Linux the descriptor is gone whatever close(2) returns, so there is nothing to do about an error.
        _ = Glibc.close(descriptor)
    }

    func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        Self.orErrno(unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count))
    }

    func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        Self.orErrno(unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count))
    }

    func open(_ path: String, flags: CInt) -> CInt {
        unsafe cepoll_open(path, flags)
    }

    func pipe() -> (result: CInt, reader: CInt, writer: CInt) {
        var ends: InlineArray<2, CInt> = [-1, -1]
        var span = ends.mutableSpan
        let result = unsafe span.withUnsafeMutableBufferPointer { unsafe cepoll_pipe($0.baseAddress) }
        return (result, ends[0], ends[1])
    }

    /// The size in force, or `-errno`.
    func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt {
        cepoll_pipe_set_size(pipe, bytes)
    }

    /// One of the two is a pipe; neither waits.
    func splice(from source: CInt, to sink: CInt, count: Int) -> Int {
        cepoll_splice(source, sink, count)
    }

    func status(_ descriptor: CInt) -> stat? {
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 ? status : nil
    }

    /// Waits until a write would not wait: there is room, or the reader has gone (POLLERR, without POLLOUT when the
    /// pipe is full) and the write fails at once.
    func waitWritable(_ descriptor: CInt, milliseconds: CInt) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&request, 1, milliseconds) == 1
    }

    /// What a poller would report now, in epoll's bits, which are those of poll(2).
    func readiness(_ descriptor: CInt) -> UInt32 {
        let events = Int16(truncatingIfNeeded: CEPOLL_IN | CEPOLL_OUT | CEPOLL_RDHUP)
        var request = pollfd(fd: descriptor, events: events, revents: 0)
        // Only a lack of memory could make it fail, and then nothing is known of the descriptor.
        guard unsafe poll(&request, 1, 0) >= 0 else { return CEPOLL_ERR }
        return UInt32(UInt16(bitPattern: request.revents))
    }

    /// True when a read, or an accept, would find something now.
    func isReadable(_ descriptor: CInt) -> Bool {
        isReadable(descriptor, milliseconds: 0)
    }

    /// True when a read, or an accept, would find something within so many milliseconds.
    func isReadable(_ descriptor: CInt, milliseconds: CInt) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&request, 1, milliseconds) == 1
    }

    // MARK: memory

    /// Memory that costs nothing before it is touched; nil when there is no room for it.
    func mapMemory(bytes: Int) -> UnsafeMutableRawPointer? {
        unsafe cepoll_map(bytes)
    }

    /// realloc(3): of large blocks the C library moves pages, not bytes. nil when there is no room; the old memory then
    /// stays as it is.
    func resizeMemory(_ memory: UnsafeMutableRawPointer?, bytes: Int) -> UnsafeMutableRawPointer? {
        unsafe realloc(memory, bytes)
    }

    static func unmapMemory(_ memory: UnsafeMutableRawPointer, bytes: Int) {
        _ = unsafe munmap(memory, bytes)
    }

    // MARK: what a process is given, and what other processes see of it; never scripted

    /// CLOCK_REALTIME.
    static func realNanoseconds() -> UInt64 { LinuxKernel().read(CLOCK_REALTIME) }

    static func openLog(_ path: String, mode: mode_t) -> CInt { unsafe cepoll_open_log(path, UInt32(mode)) }

    static func replace(_ descriptor: CInt, by replacement: CInt) -> CInt { cepoll_replace(descriptor, replacement) }

    /// A socket that sends datagrams to a Unix address.
    static func datagramSocket() -> CInt { cepoll_datagram_socket(AF_UNIX) }

    static func sendDatagram(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int {
        unsafe address.withSockAddr {
            orErrno(unsafe sendto(socket, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT), $0, $1))
        }
    }

    /// An option that is a number, or `-errno`.
    static func option(_ socket: CInt, level: CInt, option: CInt) -> CInt {
        var value: CInt = 0
        let result = unsafe cepoll_get_option(socket, level, option, &value)
        return result < 0 ? result : value
    }

    static func duplicate(_ descriptor: CInt) -> CInt { cepoll_duplicate(descriptor) }

    static func setCloseOnExec(_ descriptor: CInt) -> CInt { cepoll_set_close_on_exec(descriptor) }

    static func setNonBlocking(_ descriptor: CInt) -> CInt { cepoll_set_nonblocking(descriptor) }

    static func rename(_ old: String, to new: String) -> CInt {
        CInt(orErrno(Int(unsafe Glibc.rename(old, new))))
    }

    static func unlink(_ path: String) -> CInt {
        CInt(orErrno(Int(unsafe Glibc.unlink(path))))
    }

    /// The status of a symbolic link itself, not of the file that it leads to.
    static func status(ofPath path: String) -> stat? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status : nil
    }

    static func addressSpaceLimit(_ limit: inout rlimit) -> CInt {
        unsafe cepoll_address_space_limit(&limit)
    }

    static func descriptorLimit(_ limit: inout rlimit) -> CInt {
        unsafe cepoll_descriptor_limit(&limit)
    }

    static func setDescriptorLimit(_ limit: rlimit) -> CInt {
        var limit = limit
        return unsafe cepoll_set_descriptor_limit(&limit)
    }

    static func signalCreate(_ signals: inout sigset_t) -> CInt {
        unsafe cepoll_signal_create(&signals)
    }

    static func signalMask(block: Bool, _ signals: inout sigset_t) -> CInt {
        unsafe cepoll_signal_mask(block ? 1 : 0, &signals)
    }

    /// `-errno` for the -1 of a call that has just failed.
    private static func orErrno(_ result: Int) -> Int {
        result < 0 ? -Int(errno) : result
    }
}
