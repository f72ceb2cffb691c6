import Glibc
import Reactor

/// Makes the ids of a loop's sessions, and finds a session by its id: an id is the session's place and generation, with the
/// loop, scrambled. So nothing is stored for it, and none needs a count that loops share.
///
/// ```
///   63            32 31 30 29   24 23             0
///  +----------------+-----+-------+----------------+      * salt ^    * odd    ^ >> 32    * odd
///  |   generation   |  0  | loop  |     place      |   -->  each step can be undone
///  +----------------+-----+-------+----------------+
/// ```
struct SessionIDs: Sendable {
    private let salt: UInt64
    private let loop: UInt64

    private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
    /// The number that `factor` times it is 1 modulo 2^64.
    private static let inverse: UInt64 = 0xF1DE_83E1_9937_733D

    init(salt: UInt64, loop: Int) {
        self.salt = salt
        self.loop = UInt64(loop)
    }

    /// Another number for each process: from the time, of which processes of one machine have another one each, and the
    /// process's number, which is all that those of different machines may differ in.
    static func makeSalt() -> UInt64 {
        let time = WallClock.system.nanoseconds()
        return (time ^ UInt64(UInt32(bitPattern: getpid())) << 40) &* factor
    }

    /// The id of the session with this key in the loop's slab.
    func id(of key: SlabKey) -> SessionID {
        let place = UInt64(UInt32(bitPattern: key.index)) & 0xFF_FFFF
        var value = UInt64(key.generation) << 32 | loop << 24 | place
        value = (value ^ salt) &* Self.factor
        value = (value ^ value >> 32) &* Self.factor
        return SessionID(rawValue: value ^ value >> 32)
    }

    /// The loop and key that an id stands for, whether or not there is such a session; nil for what is no id of this
    /// process.
    func session(_ id: SessionID) -> (loop: Int, key: SlabKey)? {
        var value = id.rawValue ^ id.rawValue >> 32
        value = value &* Self.inverse
        value = (value ^ value >> 32) &* Self.inverse ^ salt
        guard value >> 30 & 3 == 0 else { return nil }
        let key = SlabKey(index: Int(value & 0xFF_FFFF), generation: UInt32(truncatingIfNeeded: value >> 32))
        return (Int(value >> 24 & 0x3F), key)
    }
}

/// What a session's line names and its record does not: kept beside the sessions, only where lines have names.
struct SessionOrigin: BitwiseCopyable {
    /// The number of its listener's name: see ``Sessions/listenerNames``.
    var listener: UInt16
    /// The place of the backend that failed first, which the session holds until it ends; -1 for none.
    var failed: Int32 = -1
    /// The number of the address that its client has connected to: see ``LocalAddresses``.
    var local: UInt16 = 0
    /// Its listener asked for something before its first byte: see ``Sessions/prefaces``.
    var hasPreface = false
}
