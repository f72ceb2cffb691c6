import Reactor

/// One question to one name server, once. It blocks until the answer, a failure, or the deadline.
struct Exchange {
    private let server: SocketAddress
    private let question: Question
    private let request: [UInt8]
    private let id: UInt16
    private let start: Instant
    private let deadline: Instant

    typealias Cause = ServerFailure.Cause

    /// The most datagrams that are passed over while the answer is waited for, since they do not belong to the question.
    /// Only somebody who guesses at the port and the id sends so many.
    static let straysMax = 64

    /// The id comes from the kernel's random numbers (getrandom(2)), and so does the port (``Datagram``): RFC 5452, 9.2.
    init(_ question: Question, to server: SocketAddress, withEDNS: Bool, start: Instant, deadline: Instant) {
        self.server = server
        self.question = question
        self.start = start
        self.deadline = deadline
        id = UInt16.random(in: .min ... .max)
        request = question.message(id: id, withEDNS: withEDNS)
    }

    private var remaining: Duration { deadline - Clock.monotonic.now() }
    private var silence: Cause { .silent(deadline - start) }

    // MARK: UDP: RFC 1035, 4.2.1

    /// Asks by UDP. What does not belong to the question is passed over, because the answer may come after it; when none
    /// comes, it is what is told.
    func byDatagram() throws(Cause) -> Message {
        let socket = try Datagram(to: server)
        if let errno = unsafe request.withUnsafeBytes({ unsafe socket.send($0) }) { throw .system(errno) }
        var buffer = [UInt8](repeating: 0, count: Datagram.bytesMax)
        var stray: WireFault?
        var strays = 0
        while strays < Self.straysMax {
            switch unsafe buffer.withUnsafeMutableBytes({ unsafe socket.receive(into: $0) }) {
            case .failed(let errno): throw .system(errno)
            case .none:
                guard remaining > .zero else { throw stray.map(Cause.malformed) ?? silence }
                _ = socket.waitReadable(remaining)
            case .datagram(let count):
                do throws(WireFault) {
                    return try Message(Array(buffer[..<count]), id: id, question: question)
                } catch {
                    guard error.isStray else { throw .malformed(error) }
                    stray = error
                    strays += 1
                }
            }
        }
        throw stray.map(Cause.malformed) ?? silence
    }

    // MARK: TCP: RFC 1035, 4.2.2, and RFC 7766

    /// Asks by TCP, on a connection of its own.
    func byStream() throws(Cause) -> Message {
        let stream = try Stream(to: server)
        switch stream.connect(to: server) {
        case .failed(let errno): throw .system(errno)
        case .connected: break
        case .inProgress:
            try waitWritable(stream)
            if let errno = stream.takeError() { throw .system(errno) }
        }
        // In one write, so that it is one segment: RFC 7766, 8.
        try send([UInt8(request.count >> 8), UInt8(request.count & 0xFF)] + request, to: stream)
        let answer = try receive(from: stream)
        do throws(WireFault) {
            let message = try Message(answer, id: id, question: question)
            if message.isTruncated { throw WireFault.truncatedStream }
            return message
        } catch {
            throw .malformed(error)
        }
    }

    private func send(_ bytes: [UInt8], to stream: borrowing Stream) throws(Cause) {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch unsafe rest.withUnsafeBytes({ unsafe stream.send($0) }) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: try waitWritable(stream)
            case .failed(let errno): throw .system(errno)
            }
        }
    }

    /// The message, which follows after two bytes that tell its length.
    private func receive(from stream: borrowing Stream) throws(Cause) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 2 + Int(UInt16.max))
        var count = 0
        var wanted = 2
        while count < wanted {
            let place = count..<wanted
            let result = unsafe buffer.withUnsafeMutableBytes {
                unsafe stream.receive(into: UnsafeMutableRawBufferPointer(rebasing: $0[place]))
            }
            switch result {
            case .bytes(let added): count += added
            case .endOfStream: throw .closed(afterBytes: count)
            case .failed(let errno): throw .system(errno)
            case .wouldBlock:
                guard remaining > .zero else { throw silence }
                _ = stream.waitReadable(remaining)
            }
            if wanted == 2, count == 2 {
                let length = Int(buffer[0]) << 8 | Int(buffer[1])
                guard length >= Message.headerBytes else { throw .malformed(.streamLength(length)) }
                wanted += length
            }
        }
        return Array(buffer[2..<wanted])
    }

    private func waitWritable(_ stream: borrowing Stream) throws(Cause) {
        while !stream.waitWritable(remaining) {
            guard remaining > .zero else { throw silence }
        }
    }
}

extension Datagram {
    fileprivate init(to server: SocketAddress) throws(ServerFailure.Cause) {
        do throws(Errno) {
            try self.init(connectedTo: server)
        } catch {
            throw .system(error)
        }
    }
}

extension Stream {
    fileprivate init(to server: SocketAddress) throws(ServerFailure.Cause) {
        do throws(Errno) {
            try self.init(for: server, from: nil)
        } catch {
            throw .system(error)
        }
    }
}
