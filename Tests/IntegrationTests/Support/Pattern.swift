import Glibc
import Testing

/// An endless stream of bytes in which every position can be checked. It repeats a block whose length is a prime
/// number, so that losing, doubling or moving a piece of a buffer's size is always detected.
struct Pattern: Sendable {
    struct Receipt: Equatable, Sendable {
        let count: Int
        let isIntact: Bool
        /// How the other side ended the stream; `nil` if the requested count was reached first.
        let ending: TCPSocket.Ending?
    }

    private static let period = 65_521

    /// Two periods, so that a whole period can start anywhere in the first.
    private let bytes: [UInt8]

    init(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        let block = (0..<Self.period).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 24)
        }
        bytes = block + block
    }

    /// Sends the first `count` bytes of the stream, and adds to `progress` what the kernel has accepted.
    func send(
        _ count: Int, through socket: TCPSocket, progress: Progress? = nil, within limit: Duration = .seconds(60),
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let deadline = Deadline(within: limit)
        var sent = 0
        while sent < count {
            let start = sent % Self.period
            let length = min(Self.period, count - sent)
            let written = unsafe bytes.withUnsafeBytes {
                unsafe socket.sendNow(UnsafeRawBufferPointer(rebasing: $0[start..<start + length]))
            }
            switch written {
            case .bytes(let taken):
                sent += taken
                progress?.add(taken)
            case .broken(let errno):
                throw TestFailure("broken (errno \(errno)) after \(sent) of \(count) bytes", at: location)
            case .noRoom:
                guard socket.wait(for: POLLOUT, deadline) else {
                    throw TestFailure("only \(sent) of \(count) bytes sent within \(limit)", at: location)
                }
            }
        }
    }

    /// Reads and checks the stream from its start until `count` bytes have arrived or the other side ends it.
    func receive(
        upTo count: Int = .max, from socket: TCPSocket, within limit: Duration = .seconds(60),
        at location: SourceLocation = #_sourceLocation
    ) throws -> Receipt {
        let deadline = Deadline(within: limit)
        var buffer = [UInt8](repeating: 0, count: Self.period)
        var received = 0
        var isIntact = true
        while received < count {
            let start = received % Self.period
            let room = min(Self.period, count - received)
            let read = unsafe buffer.withUnsafeMutableBytes {
                unsafe socket.readNow(UnsafeMutableRawBufferPointer(rebasing: $0[..<room]))
            }
            switch read {
            case .bytes(let length):
                isIntact = isIntact && matches(buffer, at: start, count: length)
                received += length
            case .ended(let ending):
                return Receipt(count: received, isIntact: isIntact, ending: ending)
            case .nothingYet:
                guard socket.wait(for: POLLIN, deadline) else {
                    throw TestFailure("nothing more after \(received) bytes within \(limit)", at: location)
                }
            }
        }
        return Receipt(count: received, isIntact: isIntact, ending: nil)
    }

    /// Uses `memcmp`, because megabytes are compared in builds without optimisation.
    private func matches(_ buffer: [UInt8], at start: Int, count: Int) -> Bool {
        unsafe buffer.withUnsafeBytes { got in
            unsafe bytes[start..<start + count].withUnsafeBytes { wanted in
                guard let got = got.baseAddress, let wanted = wanted.baseAddress else { return false }
                return unsafe memcmp(got, wanted, count) == 0
            }
        }
    }
}
