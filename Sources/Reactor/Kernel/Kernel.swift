import CEpoll
import Glibc

/// The system calls of the reactor: the only file that makes them.
///
/// Each function returns what the call returns, or `-errno`; nothing is retried and nothing decided here. In debug
/// builds a thread may have a ``ScriptedKernel`` that answers instead; a release build does not ask.
enum Kernel {
    // MARK: epoll

    static func epollCreate() -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.epollCreate() }
        #endif
        return cepoll_create()
    }

    static func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current {
                return script.epollAdd(epoll, descriptor, interest: interest, data: data)
            }
        #endif
        return cepoll_add(epoll, descriptor, interest, data)
    }

    static func epollRemove(_ epoll: CInt, _ descriptor: CInt) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.epollRemove(epoll, descriptor) }
        #endif
        return cepoll_remove(epoll, descriptor)
    }

    static func epollWait(_ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt) -> CInt
    {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current {
                return unsafe script.epollWait(epoll, events, milliseconds: milliseconds)
            }
        #endif
        return unsafe cepoll_wait(epoll, events.baseAddress, CInt(events.count), milliseconds)
    }

    // MARK: time, wake-ups, signals

    static func monotonicNanoseconds() -> UInt64 {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.monotonicNanoseconds() }
        #endif
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    static func timerCreate() -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.timerCreate() }
        #endif
        return cepoll_timer_create()
    }

    static func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.timerSet(timer, nanoseconds: nanoseconds) }
        #endif
        return cepoll_timer_set(timer, nanoseconds)
    }

    static func eventCreate() -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.eventCreate() }
        #endif
        return cepoll_event_create()
    }

    static func signalCreate(_ signals: inout sigset_t) -> CInt {
        unsafe cepoll_signal_create(&signals)
    }

    static func signalMask(block: Bool, _ signals: inout sigset_t) -> CInt {
        unsafe cepoll_signal_mask(block ? 1 : 0, &signals)
    }

    // MARK: sockets

    static func socket(domain: CInt) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.socket(domain: domain) }
        #endif
        return cepoll_socket(domain)
    }

    static func bind(_ socket: CInt, to address: SocketAddress) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.bind(socket, to: address) }
        #endif
        return unsafe address.withSockAddr { CInt(orErrno(Int(unsafe Glibc.bind(socket, $0, $1)))) }
    }

    static func listen(_ socket: CInt, backlog: CInt) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.listen(socket, backlog: backlog) }
        #endif
        return CInt(orErrno(Int(Glibc.listen(socket, backlog))))
    }

    static func connect(_ socket: CInt, to address: SocketAddress) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.connect(socket, to: address) }
        #endif
        return unsafe address.withSockAddr { CInt(orErrno(Int(unsafe Glibc.connect(socket, $0, $1)))) }
    }

    /// The new descriptor and the peer's address, or `-errno`.
    static func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.accept(listener) }
        #endif
        var descriptor: CInt = -1
        let peer = unsafe SocketAddress.filled { address, length in
            descriptor = unsafe cepoll_accept(listener, address, length)
            return descriptor
        }
        return (descriptor, peer)
    }

    /// The address that a socket is bound to.
    static func localAddress(_ socket: CInt) -> SocketAddress? {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.localAddress(socket) }
        #endif
        return unsafe SocketAddress.filled { unsafe getsockname(socket, $0, $1) }
    }

    /// Whether getpeername(2) knows a peer: not before the handshake has ended.
    static func isConnected(_ socket: CInt) -> Bool {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.isConnected(socket) }
        #endif
        return unsafe SocketAddress.filled { unsafe getpeername(socket, $0, $1) } != nil
    }

    static func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current {
                return script.setOption(socket, level: level, option: option, value: value)
            }
        #endif
        return cepoll_set_option(socket, level, option, value)
    }

    /// SO_ERROR: the pending error of a socket, which the call clears; 0 for none.
    static func takeError(_ socket: CInt) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.takeError(socket) }
        #endif
        var error: CInt = 0
        let result = unsafe cepoll_get_option(socket, SOL_SOCKET, SO_ERROR, &error)
        return result < 0 ? -result : error
    }

    static func setResetOnClose(_ socket: CInt) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.setResetOnClose(socket) }
        #endif
        return cepoll_set_reset_on_close(socket)
    }

    static func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return unsafe script.receive(socket, buffer, peek: peek) }
        #endif
        return orErrno(unsafe recv(socket, buffer.baseAddress, buffer.count, peek ? CInt(MSG_PEEK) : 0))
    }

    /// MSG_NOSIGNAL: a reader that has gone is EPIPE, never SIGPIPE. MSG_DONTWAIT also for sockets of others (stdout).
    static func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return unsafe script.send(socket, bytes) }
        #endif
        let flags = CInt(MSG_NOSIGNAL | MSG_DONTWAIT)
        return orErrno(unsafe Glibc.send(socket, bytes.baseAddress, bytes.count, flags))
    }

    /// Connects, and sends `bytes` with the SYN. MSG_FASTOPEN is 0x20000000 in <linux/socket.h>; see tcp(7).
    static func sendConnecting(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current {
                return unsafe script.sendConnecting(socket, bytes, to: address)
            }
        #endif
        let flags = CInt(MSG_NOSIGNAL | MSG_DONTWAIT) | 0x2000_0000
        return unsafe address.withSockAddr {
            orErrno(unsafe sendto(socket, bytes.baseAddress, bytes.count, flags, $0, $1))
        }
    }

    static func shutdownWrite(_ socket: CInt) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.shutdownWrite(socket) }
        #endif
        return CInt(orErrno(Int(shutdown(socket, CInt(SHUT_WR)))))
    }

    // MARK: descriptors of any kind

    static func close(_ descriptor: CInt) {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.close(descriptor) }
        #endif
        // On Linux the descriptor is gone whatever close(2) returns, so there is nothing to do about an error.
        _ = Glibc.close(descriptor)
    }

    static func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return unsafe script.read(descriptor, buffer) }
        #endif
        return orErrno(unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count))
    }

    static func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return unsafe script.write(descriptor, bytes) }
        #endif
        return orErrno(unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count))
    }

    static func open(_ path: String, flags: CInt) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.open(path, flags: flags) }
        #endif
        return unsafe cepoll_open(path, flags)
    }

    static func pipe() -> (result: CInt, reader: CInt, writer: CInt) {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.pipe() }
        #endif
        var ends: InlineArray<2, CInt> = [-1, -1]
        var span = ends.mutableSpan
        let result = unsafe span.withUnsafeMutableBufferPointer { unsafe cepoll_pipe($0.baseAddress) }
        return (result, ends[0], ends[1])
    }

    /// The size in force, or `-errno`.
    static func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.setPipeSize(pipe, bytes: bytes) }
        #endif
        return cepoll_pipe_set_size(pipe, bytes)
    }

    /// One of the two is a pipe; neither waits.
    static func splice(from source: CInt, to sink: CInt, count: Int) -> Int {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.splice(from: source, to: sink, count: count) }
        #endif
        return cepoll_splice(source, sink, count)
    }

    static func status(_ descriptor: CInt) -> stat? {
        #if SCRIPTED_KERNEL
            if ScriptedKernels.current != nil { return nil }
        #endif
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 ? status : nil
    }

    /// Waits until a write would not wait: there is room, or the reader has gone (POLLERR, without POLLOUT when the
    /// pipe is full) and the write fails at once.
    static func waitWritable(_ descriptor: CInt, milliseconds: CInt) -> Bool {
        #if SCRIPTED_KERNEL
            if ScriptedKernels.current != nil { return false }
        #endif
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&request, 1, milliseconds) == 1
    }

    /// True when a read, or an accept, would find something now, or within so many milliseconds.
    static func isReadable(_ descriptor: CInt, milliseconds: CInt = 0) -> Bool {
        #if SCRIPTED_KERNEL
            if let script = ScriptedKernels.current { return script.isReadable(descriptor) }
        #endif
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&request, 1, milliseconds) == 1
    }

    // MARK: what a process is given, and what others see of it; never scripted

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

    /// Of what stands there itself, not of what a symbolic link leads to.
    static func status(ofPath path: String) -> stat? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status : nil
    }

    // MARK: limits

    static func descriptorLimit(_ limit: inout rlimit) -> CInt {
        unsafe cepoll_descriptor_limit(&limit)
    }

    static func setDescriptorLimit(_ limit: rlimit) -> CInt {
        var limit = limit
        return unsafe cepoll_set_descriptor_limit(&limit)
    }

    /// `-errno` for the -1 of a call that has just failed.
    private static func orErrno(_ result: Int) -> Int {
        result < 0 ? -Int(errno) : result
    }
}
