import CEpoll
import Glibc
import TestSupport
import Testing

@testable import Reactor

private let loopback = SocketAddress.ipv4(0x7F00_0001, port: 0)
private let token = Token(kind: 7, index: 7)

/// Answers splices from a list, then says EAGAIN.
private final class ListedKernel: ForwardingKernel {
    var results: [CInt] = []

    override func splice(from source: CInt, to sink: CInt, count: Int) -> Int {
        results.isEmpty ? -Int(EAGAIN) : Int(results.removeFirst())
    }
}

/// Has no pipes, or none of the size asked for.
private final class PipelessKernel: ForwardingKernel {
    var pipeErrno: CInt = 0
    var sizeErrno: CInt = 0

    override func pipe() -> (result: CInt, reader: CInt, writer: CInt) {
        pipeErrno == 0 ? super.pipe() : (-pipeErrno, -1, -1)
    }

    override func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt {
        sizeErrno == 0 ? super.setPipeSize(pipe, bytes: bytes) : -sizeErrno
    }
}

/// A pipe between two connections: what is sent at `front` comes out at `back`.
private final class Bridge {
    static let pipeBytes = 256 * 1024

    let pipe: Reactor.Pipe
    var source: Connection
    var sink: Connection
    /// What is in the pipe.
    var held = 0

    /// `fromListener`: the source's end that is spliced is the one that the listener accepted, not the one that
    /// connected.
    init(through listener: borrowing Listener, fromListener: Bool = true) throws {
        pipe = try Reactor.Pipe(bytes: Self.pipeBytes)
        let connection = try Connection(through: listener)
        source = fromListener ? connection : connection.reversed()
        sink = try Connection(through: listener)
    }

    /// One splice into the empty pipe.
    func fill() -> SpliceResult {
        let result = source.server.splice(into: pipe, atMost: Self.pipeBytes)
        if case .bytes(let count) = result { held += count }
        return result
    }

    /// The same once there is anything to report.
    func fillWhenReady() -> SpliceResult {
        let number = source.server.number
        _ = eventually { LinuxKernel().isReadable(number) }
        return fill()
    }

    /// One splice of all that is in the pipe.
    func empty() -> SendResult {
        let result = sink.client.splice(from: pipe, count: held)
        if case .bytes(let count) = result { held -= count }
        return result
    }
}

private func randomBytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var randomness = Randomness(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: randomness.next()) }
}

extension Stream {
    /// Sends the first of `bytes` from `start` on that the kernel takes now; how many.
    fileprivate func sendNow(_ bytes: [UInt8], from start: Int) -> Int {
        let result = unsafe bytes[start...].withUnsafeBytes { unsafe send($0) }
        if case .bytes(let count) = result { return count }
        return 0
    }

    /// Appends what is there now.
    fileprivate func append(to bytes: inout [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case .bytes(let count) = unsafe buffer.withUnsafeMutableBytes({ unsafe receive(into: $0) }) {
            bytes += buffer[..<count]
        }
    }

    fileprivate func sendUrgent(_ byte: UInt8) -> Bool {
        var byte = byte
        return unsafe Glibc.send(number, &byte, 1, CInt(MSG_OOB)) == 1
    }
}

@Suite struct SpliceTests {
    // MARK: bytes

    @Test func bytesArriveInOrder() throws {
        let listener = try Listener(loopback)
        let bridge = try Bridge(through: listener)
        let bytes = randomBytes(3 << 20, seed: 1)
        var sent = 0
        var received: [UInt8] = []
        var largest = 0
        let isDone = eventually {
            sent += bridge.source.client.sendNow(bytes, from: sent)
            if bridge.held == 0, case .bytes(let count) = bridge.fill() { largest = max(largest, count) }
            if bridge.held > 0 { _ = bridge.empty() }
            bridge.sink.server.append(to: &received)
            return received.count >= bytes.count
        }
        #expect(isDone)
        #expect(received == bytes)
        #expect(largest <= Bridge.pipeBytes)
        #expect(largest > 65_536, "a pipe of the usual size: not more than \(largest) bytes at once")
        #expect(bridge.fill() == .wouldBlock)
    }

    @Test func atMostTheCountIsTaken() throws {
        let listener = try Listener(loopback)
        let connection = try Connection(through: listener)
        let pipe = try Reactor.Pipe(bytes: 65_536)
        #expect(connection.client.send("question") == .bytes(8))
        let number = connection.server.number
        #expect(eventually { LinuxKernel().isReadable(number) } as Bool)
        #expect(connection.server.splice(into: pipe, atMost: 5) == .bytes(5))
        #expect(pipe.read(atMost: 10) == Array("quest".utf8))
        #expect(connection.server.receive().text == "ion")
    }

    @Test func anEmptySocketWouldBlock() throws {
        let listener = try Listener(loopback)
        let bridge = try Bridge(through: listener)
        #expect(bridge.fill() == .wouldBlock)
        #expect(bridge.source.client.send("x") == .bytes(1))
        #expect(bridge.fillWhenReady() == .bytes(1))
    }

    @Test func aFullSinkTakesAPartAndThenNothing() throws {
        let listener = try Listener(loopback)
        let bridge = try Bridge(through: listener)
        let poller = try Poller()
        #expect(bridge.sink.client.add(to: poller, token) == nil)
        let block = randomBytes(1 << 20, seed: 2)
        var sent: [UInt8] = []
        var received: [UInt8] = []
        var parts = 0
        let isFull = eventually {
            while true {
                if bridge.held == 0 {
                    let count = bridge.source.client.sendNow(block, from: 0)
                    sent += block[..<count]
                    guard case .bytes = bridge.fill() else { return false }
                }
                switch bridge.empty() {
                case .bytes: if bridge.held > 0 { parts += 1 }
                case .wouldBlock: return true
                case .failed: return false
                }
            }
        }
        #expect(isFull)
        #expect(parts > 0, "the last that fitted was no part")
        // Room is reported by an edge, as after a send that was refused.
        bridge.sink.server.append(to: &received)
        #expect(try poller.wait(for: .writable, of: token) as Bool)
        let isDone = eventually {
            if bridge.held == 0 { _ = bridge.fill() }
            if bridge.held > 0 { _ = bridge.empty() }
            bridge.sink.server.append(to: &received)
            return received.count >= sent.count
        }
        #expect(isDone)
        #expect(received == sent)
    }

    // MARK: ends

    @Test func theEndIsForAReadToTell() throws {
        let listener = try Listener(loopback)
        let bridge = try Bridge(through: listener)
        #expect(bridge.source.client.send("last words") == .bytes(10))
        bridge.source.client.shutdownWrite()
        #expect(bridge.fillWhenReady() == .bytes(10))
        #expect(bridge.empty() == .bytes(10))
        #expect(bridge.sink.server.receive().text == "last words")
        #expect(bridge.fillWhenReady() == .undecided)
        #expect(bridge.source.server.receiveNow().result == .endOfStream)
        #expect(bridge.fill() == .undecided)
    }

    @Test func aResetFailsAfterWhatCameBeforeIt() throws {
        let listener = try Listener(loopback)
        let poller = try Poller()
        let bridge = try Bridge(through: listener)
        #expect(bridge.source.server.add(to: poller, token) == nil)
        #expect(bridge.source.client.send("before") == .bytes(6))
        bridge.source.client.resetOnClose()
        bridge.source.client = .empty
        #expect(try poller.wait(for: [.error, .hangup], of: token) as Bool)
        #expect(bridge.fill() == .bytes(6))
        #expect(bridge.fill() == .failed(Errno(rawValue: ECONNRESET)))
        #expect(bridge.empty() == .bytes(6))
        #expect(bridge.sink.server.receive().text == "before")
    }

    @Test func aSinkThatHasGoneFails() throws {
        Signals.ignoreFailedWrites()
        let listener = try Listener(loopback)
        let poller = try Poller()
        let bridge = try Bridge(through: listener)
        #expect(bridge.source.client.send("nobody's") == .bytes(8))
        #expect(bridge.fillWhenReady() == .bytes(8))
        #expect(bridge.sink.client.add(to: poller, token) == nil)
        bridge.sink.server.resetOnClose()
        bridge.sink.server = .empty
        #expect(try poller.wait(for: [.error, .hangup], of: token) as Bool)
        #expect(bridge.empty() == .failed(Errno(rawValue: ECONNRESET)))
        #expect(bridge.empty() == .failed(Errno(rawValue: EPIPE)))
        #expect(bridge.held == 8)
    }

    @Test(arguments: [true, false]) func urgentDataStopsASpliceAndAReadGoesOn(isInline: Bool) throws {
        let listener = try Listener(loopback)
        let poller = try Poller()
        // What a listener accepts keeps it inline; what connects does so once told.
        let bridge = try Bridge(through: listener, fromListener: isInline)
        #expect(bridge.source.server.add(to: poller, token) == nil)
        #expect(bridge.source.client.send("abc") == .bytes(3))
        #expect(bridge.source.client.sendUrgent(UInt8(ascii: "X")) as Bool)
        #expect(bridge.source.client.send("def") == .bytes(3))
        #expect(try poller.wait(for: [.urgent, .readable], of: token) as Bool)
        #expect(bridge.fill() == .bytes(3))
        // Nothing is passed over, whatever comes behind it, and the answer is the one of an empty socket.
        #expect(bridge.fill() == .wouldBlock)
        #expect(bridge.fill() == .wouldBlock)
        bridge.source.server.keepUrgentInline()
        let rest = bridge.source.server.receiveNow()
        #expect(rest.text + bridge.source.server.receiveNow().text == "Xdef")
        #expect(bridge.empty() == .bytes(3))
        #expect(bridge.sink.server.receive().text == "abc")
    }

    // MARK: other descriptors

    @Test func aUnixStreamIsSpliced() throws {
        let listener = try Listener(loopback)
        let pipe = try Reactor.Pipe(bytes: 65_536)
        let pair = try StreamPair()
        let tcp = try Connection(through: listener)
        #expect(pair.far.splice(into: pipe, atMost: 65_536) == .wouldBlock)
        #expect(pair.near.send("one machine") == .bytes(11))
        #expect(pair.far.splice(into: pipe, atMost: 65_536) == .bytes(11))
        #expect(tcp.client.splice(from: pipe, count: 11) == .bytes(11))
        #expect(tcp.server.receive().text == "one machine")
        #expect(tcp.server.send("another") == .bytes(7))
        let number = tcp.client.number
        #expect(eventually { LinuxKernel().isReadable(number) } as Bool)
        #expect(tcp.client.splice(into: pipe, atMost: 65_536) == .bytes(7))
        #expect(pair.far.splice(from: pipe, count: 7) == .bytes(7))
        #expect(pair.near.receive().text == "another")
        pair.near.shutdownWrite()
        #expect(pair.far.splice(into: pipe, atMost: 65_536) == .undecided)
        #expect(pair.far.receiveNow().result == .endOfStream)
    }

    @Test func whatCannotBeSplicedIsUnsupported() throws {
        let pipe = try Reactor.Pipe(bytes: 65_536)
        let epoll = Stream(FileDescriptor(owning: cepoll_create()))
        #expect(epoll.splice(into: pipe, atMost: 65_536) == .unsupported)
        #expect(Stream.empty.splice(into: pipe, atMost: 65_536) == .failed(Errno(rawValue: EBADF)))
        #expect(Stream.empty.splice(from: pipe, count: 1) == .failed(Errno(rawValue: EBADF)))
    }

    @Test func resultsOfSplice() throws {
        let kernel = ListedKernel()
        try withScriptedKernel(kernel) {
            let stream = try Stream(for: loopback, from: nil)
            let pipe = try Reactor.Pipe(bytes: 65_536)
            kernel.results = [-EINTR, -EINTR, 3, 0, -ENOMEM, -ENOTCONN]
            #expect(stream.splice(into: pipe, atMost: 9) == .bytes(3))
            #expect(stream.splice(into: pipe, atMost: 9) == .undecided)
            #expect(stream.splice(into: pipe, atMost: 9) == .undecided)
            #expect(stream.splice(into: pipe, atMost: 9) == .failed(Errno(rawValue: ENOTCONN)))
            #expect(stream.splice(into: pipe, atMost: 9) == .wouldBlock)
            for refusal in [EINVAL, ENOSYS, EPERM, EOPNOTSUPP] {
                kernel.results = [-refusal]
                #expect(stream.splice(into: pipe, atMost: 9) == .unsupported)
            }
            kernel.results = [-EINTR, 2, -EPIPE]
            #expect(stream.splice(from: pipe, count: 9) == .bytes(2))
            #expect(stream.splice(from: pipe, count: 9) == .failed(Errno(rawValue: EPIPE)))
            #expect(stream.splice(from: pipe, count: 9) == .wouldBlock)
        }
    }

    // MARK: pipes

    @Test func aPipeHasTheSizeAskedFor() throws {
        let pipe = try Reactor.Pipe(bytes: 100_000)
        // F_GETPIPE_SZ, which the Glibc module leaves out.
        #expect(fcntl(pipe.inputNumber, 1032) >= 100_000)
        for end in [pipe.inputNumber, pipe.outputNumber] {
            #expect(fcntl(end, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(end, F_GETFD) & FD_CLOEXEC != 0)
        }
    }

    @Test(arguments: [EMFILE, ENFILE]) func withoutDescriptorsThereIsNoPipe(errno: CInt) {
        let kernel = PipelessKernel()
        kernel.pipeErrno = errno
        withScriptedKernel(kernel) {
            let error = #expect(throws: SystemCallError.self) { _ = try Reactor.Pipe(bytes: 65_536) }
            #expect(error?.errno == Errno(rawValue: errno))
            #expect(kernel.opened == [])
            #expect(kernel.closed == [])
        }
    }

    @Test func aPipeThatIsTooSmallIsClosed() {
        let kernel = PipelessKernel()
        kernel.sizeErrno = EPERM
        withScriptedKernel(kernel) {
            let error = #expect(throws: SystemCallError.self) { _ = try Reactor.Pipe(bytes: 65_536) }
            #expect(error?.errno == Errno(rawValue: EPERM))
            #expect(kernel.opened.count == 2)
            #expect(kernel.closed.sorted() == kernel.opened.sorted())
        }
    }
}
