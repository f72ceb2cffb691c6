import CEpoll
import Glibc

@testable import Reactor

/// A script that passes every call on to Linux and counts the descriptors that are opened and closed. Tests override
/// the calls that they are about.
class ForwardingKernel: ScriptedKernel {
    /// Descriptors that were made, in order.
    private(set) var opened: [CInt] = []
    /// Descriptors that were closed, in order.
    private(set) var closed: [CInt] = []

    private let linux = LinuxKernel()

    private func opening(_ number: CInt) -> CInt {
        if number >= 0 { opened.append(number) }
        return number
    }

    func epollCreate() -> CInt { opening(linux.epollCreate()) }

    func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt {
        linux.epollAdd(epoll, descriptor, interest: interest, data: data)
    }

    func epollRemove(_ epoll: CInt, _ descriptor: CInt) -> CInt { linux.epollRemove(epoll, descriptor) }

    func epollWait(_ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt) -> CInt {
        unsafe linux.epollWait(epoll, events, milliseconds: milliseconds)
    }

    func monotonicNanoseconds() -> UInt64 { linux.monotonicNanoseconds() }

    func threadProcessorNanoseconds() -> UInt64 { linux.threadProcessorNanoseconds() }

    func timerCreate() -> CInt { opening(linux.timerCreate()) }

    func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt {
        linux.timerSet(timer, nanoseconds: nanoseconds)
    }

    func eventCreate() -> CInt { opening(linux.eventCreate()) }

    func socket(domain: CInt) -> CInt { opening(linux.socket(domain: domain)) }

    func bind(_ socket: CInt, to address: SocketAddress) -> CInt { linux.bind(socket, to: address) }

    func listen(_ socket: CInt, backlog: CInt) -> CInt { linux.listen(socket, backlog: backlog) }

    func connect(_ socket: CInt, to address: SocketAddress) -> CInt { linux.connect(socket, to: address) }

    func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        let accepted = linux.accept(listener)
        if accepted.descriptor >= 0 { opened.append(accepted.descriptor) }
        return accepted
    }

    func localAddress(_ socket: CInt) -> SocketAddress? { linux.localAddress(socket) }

    func peerAddress(_ socket: CInt) -> SocketAddress? { linux.peerAddress(socket) }

    func sourceAddress(towards address: SocketAddress) -> SocketAddress? { linux.sourceAddress(towards: address) }

    func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt {
        linux.setOption(socket, level: level, option: option, value: value)
    }

    func takeError(_ socket: CInt) -> CInt { linux.takeError(socket) }

    func roundTrip(_ socket: CInt) -> CInt { linux.roundTrip(socket) }

    func unacknowledged(_ socket: CInt) -> CInt { linux.unacknowledged(socket) }

    func setResetOnClose(_ socket: CInt) -> CInt { linux.setResetOnClose(socket) }

    func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int {
        unsafe linux.receive(socket, buffer, peek: peek)
    }

    func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int { unsafe linux.send(socket, bytes) }

    func shutdownWrite(_ socket: CInt) -> CInt { linux.shutdownWrite(socket) }

    func close(_ descriptor: CInt) {
        closed.append(descriptor)
        linux.close(descriptor)
    }

    func isReadable(_ descriptor: CInt) -> Bool {
        linux.isReadable(descriptor)
    }

    /// Does not wait, as in every script.
    func isReadable(_ descriptor: CInt, milliseconds: CInt) -> Bool { isReadable(descriptor) }

    /// nil, as in every script.
    func status(_ descriptor: CInt) -> stat? { nil }

    func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        unsafe linux.read(descriptor, buffer)
    }

    func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        unsafe linux.write(descriptor, bytes)
    }

    func readiness(_ descriptor: CInt) -> UInt32 { linux.readiness(descriptor) }

    func sendConnecting(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int {
        unsafe linux.sendConnecting(socket, bytes, to: address)
    }

    func pipe() -> (result: CInt, reader: CInt, writer: CInt) {
        let ends = linux.pipe()
        if ends.result == 0 { opened += [ends.reader, ends.writer] }
        return ends
    }

    func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt { linux.setPipeSize(pipe, bytes: bytes) }

    func splice(from source: CInt, to sink: CInt, count: Int) -> Int {
        linux.splice(from: source, to: sink, count: count)
    }

    func open(_ path: String, flags: CInt) -> CInt { opening(linux.open(path, flags: flags)) }

    func mapMemory(bytes: Int) -> UnsafeMutableRawPointer? { unsafe linux.mapMemory(bytes: bytes) }

    func resizeMemory(_ memory: UnsafeMutableRawPointer?, bytes: Int) -> UnsafeMutableRawPointer? {
        unsafe linux.resizeMemory(memory, bytes: bytes)
    }
}
