import CEpoll
import Glibc

@testable import Reactor

/// A script that leaves every call to the real kernel and counts the descriptors that come and go; tests override the
/// calls that they are about.
class ForwardingKernel: ScriptedKernel {
    /// Descriptors that were made, in order.
    private(set) var opened: [CInt] = []
    /// Descriptors that were closed, in order.
    private(set) var closed: [CInt] = []

    /// Runs `call` with no script on this thread.
    func real<Result>(_ call: () -> Result) -> Result {
        let script = unsafe pthread_getspecific(ScriptedKernels.key)
        pthread_setspecific(ScriptedKernels.key, nil)
        defer { unsafe pthread_setspecific(ScriptedKernels.key, script) }
        return call()
    }

    /// The same for a call that makes a descriptor.
    func opening(_ call: () -> CInt) -> CInt {
        let number = real(call)
        if number >= 0 { opened.append(number) }
        return number
    }

    func epollCreate() -> CInt { opening { Kernel.epollCreate() } }

    func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt {
        real { Kernel.epollAdd(epoll, descriptor, interest: interest, data: data) }
    }

    func epollRemove(_ epoll: CInt, _ descriptor: CInt) -> CInt { real { Kernel.epollRemove(epoll, descriptor) } }

    func epollWait(_ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt) -> CInt {
        real { unsafe Kernel.epollWait(epoll, events, milliseconds: milliseconds) }
    }

    func monotonicNanoseconds() -> UInt64 { real { Kernel.monotonicNanoseconds() } }

    func timerCreate() -> CInt { opening { Kernel.timerCreate() } }

    func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt {
        real { Kernel.timerSet(timer, nanoseconds: nanoseconds) }
    }

    func eventCreate() -> CInt { opening { Kernel.eventCreate() } }

    func socket(domain: CInt) -> CInt { opening { Kernel.socket(domain: domain) } }

    func bind(_ socket: CInt, to address: SocketAddress) -> CInt { real { Kernel.bind(socket, to: address) } }

    func listen(_ socket: CInt, backlog: CInt) -> CInt { real { Kernel.listen(socket, backlog: backlog) } }

    func connect(_ socket: CInt, to address: SocketAddress) -> CInt { real { Kernel.connect(socket, to: address) } }

    func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        let accepted = real { Kernel.accept(listener) }
        if accepted.descriptor >= 0 { opened.append(accepted.descriptor) }
        return accepted
    }

    func localAddress(_ socket: CInt) -> SocketAddress? { real { Kernel.localAddress(socket) } }

    func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt {
        real { Kernel.setOption(socket, level: level, option: option, value: value) }
    }

    func takeError(_ socket: CInt) -> CInt { real { Kernel.takeError(socket) } }

    func setResetOnClose(_ socket: CInt) -> CInt { real { Kernel.setResetOnClose(socket) } }

    func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int {
        real { unsafe Kernel.receive(socket, buffer, peek: peek) }
    }

    func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int { real { unsafe Kernel.send(socket, bytes) } }

    func shutdownWrite(_ socket: CInt) -> CInt { real { Kernel.shutdownWrite(socket) } }

    func close(_ descriptor: CInt) {
        closed.append(descriptor)
        real { Kernel.close(descriptor) }
    }

    func isReadable(_ descriptor: CInt) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&request, 1, 0) == 1
    }

    func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        real { unsafe Kernel.read(descriptor, buffer) }
    }

    func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        real { unsafe Kernel.write(descriptor, bytes) }
    }

    func isConnected(_ socket: CInt) -> Bool { real { Kernel.isConnected(socket) } }

    func sendConnecting(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int {
        real { unsafe Kernel.sendConnecting(socket, bytes, to: address) }
    }

    func pipe() -> (result: CInt, reader: CInt, writer: CInt) {
        let ends = real { Kernel.pipe() }
        if ends.result == 0 { opened += [ends.reader, ends.writer] }
        return ends
    }

    func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt { real { Kernel.setPipeSize(pipe, bytes: bytes) } }

    func splice(from source: CInt, to sink: CInt, count: Int) -> Int {
        real { Kernel.splice(from: source, to: sink, count: count) }
    }

    func open(_ path: String, flags: CInt) -> CInt { opening { Kernel.open(path, flags: flags) } }
}
