import Glibc

/// SplitMix64: the whole run of a random test follows from one seed. Source: Steele, Lea and Flood 2014.
struct Randomness: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// The place of one of so many, nil of none. The order of a dictionary would not do: it differs from run to run.
    mutating func place(in count: Int) -> Int? { count == 0 ? nil : Int(next() % UInt64(count)) }

    /// True once in `count` times.
    mutating func oneIn(_ count: UInt64) -> Bool { next() % count == 0 }
}

enum Seeds {
    /// The seeds of every random test: a fixed set, or the one in the environment variable SEED.
    static let all: [UInt64] =
        if let text = unsafe getenv("SEED"), let seed = UInt64(unsafe String(cString: text)) {
            [seed]
        } else {
            Array(1...24)
        }
}
