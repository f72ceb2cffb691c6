import Glibc

/// The one pseudo-random sequence of which every stream is a slice. It is longer than what any buffer on the way holds,
/// so a lost, repeated or foreign byte shows at its position.
@safe struct Tape: ~Copyable {
    /// After so many bytes the sequence repeats. A prime, so that no round size divides it.
    static let period = 16_777_213
    /// The longest run that can be had at any position.
    static let runMax = 256 * 1024
    /// So many bytes identify a place of the tape.
    static let markBytes = 8

    private let bytes: UnsafeMutableRawBufferPointer

    init() {
        unsafe bytes = .allocate(byteCount: Self.period + Self.runMax, alignment: 4096)
        var dice = Dice(seed: 1, session: 0)
        for place in stride(from: 0, to: Self.period - 8, by: 8) {
            unsafe bytes.storeBytes(of: dice.next(), toByteOffset: place, as: UInt64.self)
        }
        for place in Self.period & ~7..<Self.period { unsafe bytes[place] = UInt8(truncatingIfNeeded: dice.next()) }
        for place in 0..<Self.runMax { unsafe bytes[Self.period + place] = bytes[place] }
    }

    deinit { unsafe bytes.deallocate() }

    /// The `count` bytes, at most ``runMax``, that follow the first `position` of the stream that begins at `start`.
    func run(start: Int, position: Int, count: Int) -> UnsafeRawBufferPointer {
        let place = (start + position) % Self.period
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[place..<place + min(count, Self.runMax)])
    }

    /// The first bytes of the stream that begins at `start`, as one number.
    func mark(start: Int) -> UInt64 { unsafe Self.mark(of: run(start: start, position: 0, count: Self.markBytes)) }

    /// Eight bytes as one number.
    static func mark(of bytes: UnsafeRawBufferPointer) -> UInt64 { unsafe bytes.loadUnaligned(as: UInt64.self) }

    /// Where the first wrong byte is among `received`, which should be what stands at that position; nil when none is.
    func firstDifference(_ received: UnsafeRawBufferPointer, start: Int, position: Int) -> Int? {
        let wanted = unsafe run(start: start, position: position, count: received.count)
        guard let got = received.baseAddress, let own = wanted.baseAddress else { return nil }
        guard unsafe memcmp(own, got, received.count) != 0 else { return nil }
        return received.indices.first { unsafe received[$0] != wanted[$0] }
    }

    /// Where bytes come from that are wrong at `position` of the stream that begins at `start`: for the message of a
    /// failure.
    func origin(of wrong: UnsafeRawBufferPointer, start: Int, position: Int) -> String {
        guard wrong.count >= Self.markBytes else { return "too few to tell where they come from" }
        guard let place = unsafe place(of: wrong) else { return "they are of no stream" }
        var distance = (place - start - position) % Self.period
        if distance > Self.period / 2 {
            distance -= Self.period
        } else if distance < -Self.period / 2 {
            distance += Self.period
        }
        return distance > 0
            ? "they belong \(distance) bytes further on: bytes were lost, or they are of another stream"
            : "they belong \(-distance) bytes further back: bytes were repeated, or they are of another stream"
    }
    /// The place of the tape with these first bytes.
    private func place(of wanted: UnsafeRawBufferPointer) -> Int? {
        let mark = unsafe Self.mark(of: wanted)
        var place = 0
        while place < Self.period {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[place..<Self.period])
            guard let start = rest.baseAddress, let found = unsafe memchr(start, CInt(wanted[0]), rest.count)
            else { return nil }
            place += unsafe UnsafeRawPointer(found) - start
            if self.mark(start: place) == mark { return place }
            place += 1
        }
        return nil
    }
}
