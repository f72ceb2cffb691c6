import Glibc

/// The bytes that every load sends, so that what comes back can be told from anything else.
///
/// A stream carries one endless pattern with a period of 65,521 bytes. The period is prime: no loss, repetition or
/// exchange of blocks of a round size goes unnoticed. The pattern lies in memory once and a chunk more, so that any
/// part of a stream of up to ``chunkBytes`` is one contiguous run of it, to be sent or compared as it stands.
///
/// The first byte of a connection tells the origin what is wanted of it: a connection begins at a place of the pattern
/// where that byte stands.
@safe public struct Pattern: ~Copyable {
    /// After so many bytes the pattern repeats.
    public static let period = 65521
    /// The longest run that can be had at any place.
    public static let chunkBytes = 256 * 1024

    private let bytes: UnsafeMutableRawBufferPointer
    /// For each wish, the places of the pattern where its byte stands.
    private let starts: [[Int]]

    /// Computes the pattern: 20 ms at the most, so once per process.
    public init() {
        unsafe bytes = .allocate(byteCount: Self.period + Self.chunkBytes, alignment: 64)
        // Marsaglia's xorshift64 with his triple; any constant but zero is a good seed.
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        for place in 0..<Self.period {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            unsafe bytes[place] = UInt8(truncatingIfNeeded: state >> 32)
        }
        var starts = [[Int]](repeating: [], count: Wish.allCases.count)
        for place in 0..<Self.period {
            if let wish = unsafe Wish(rawValue: bytes[place]) { starts[wish.place].append(place) }
        }
        for place in Self.period..<(Self.period + Self.chunkBytes) {
            unsafe bytes[place] = bytes[place - Self.period]
        }
        self.starts = starts
    }

    deinit { unsafe bytes.deallocate() }

    /// Where the `number`th connection with this wish begins in the pattern. Different numbers begin at different
    /// places as far as there are any (about 250), so that answers given to the wrong connection are noticed.
    public func start(of wish: Wish, number: Int = 0) -> Int {
        let places = starts[wish.place]
        return places.isEmpty ? 0 : places[number % places.count]
    }

    /// The `count` bytes of a stream that follow its first `position`; at most ``chunkBytes``.
    public func run(start: Int, position: UInt64, count: Int) -> UnsafeRawBufferPointer {
        precondition(count >= 0 && count <= Self.chunkBytes, "a run of the pattern is at most a chunk")
        let place = Int((UInt64(start) &+ position) % UInt64(Self.period))
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[place..<place + count])
    }

    /// True when `received` is what stands at that place of the stream.
    public func matches(_ received: UnsafeRawBufferPointer, start: Int, position: UInt64) -> Bool {
        guard let base = received.baseAddress else { return true }
        let expected = unsafe run(start: start, position: position, count: received.count)
        guard let own = expected.baseAddress else { return false }
        return unsafe memcmp(base, own, received.count) == 0
    }
}

/// What a connection wants of the origin: its first byte.
public enum Wish: UInt8, CaseIterable, Sendable {
    /// Send back what comes, this byte included.
    case echo = 0x45
    /// Send the pattern until the connection ends.
    case download = 0x44
    /// The same at no more than a rate, which follows: bytes per second, 8 bytes, little-endian; 0 for any. Little of it
    /// waits in the kernel, so that there can be many.
    case metered = 0x4D
    /// Read and check the pattern; at its end answer with the number of bytes, 8 bytes, little-endian.
    case upload = 0x55
    /// Both at once.
    case both = 0x42

    /// Its place among all wishes.
    var place: Int {
        switch self {
        case .echo: 0
        case .download: 1
        case .upload: 2
        case .both: 3
        case .metered: 4
        }
    }
}
