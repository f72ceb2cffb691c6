import Glibc
import TestSupport

/// The whole run of a random test follows from one seed.
typealias Randomness = SplitMix64

extension Randomness {
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
