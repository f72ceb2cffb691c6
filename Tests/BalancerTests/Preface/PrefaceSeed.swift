import Glibc

/// The seed of random tests: that of the variable SEED, or another one each time. A failure prints it.
enum PrefaceSeed {
    static func make() -> UInt64 {
        if let text = unsafe getenv("SEED"), let seed = UInt64(unsafe String(cString: text)) { return seed }
        return UInt64.random(in: 0...999_999)
    }
}
