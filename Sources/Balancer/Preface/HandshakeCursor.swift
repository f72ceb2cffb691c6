/// Why the reading of a handshake message has stopped.
enum HandshakeStop: Error {
    /// There are no more bytes yet.
    case incomplete
    /// This is no ClientHello, whatever follows.
    case fault(ClientHelloFault)
}

/// A place in a handshake message that lies in records: RFC 8446, 5.1. It goes over the records' headers and checks
/// them, so that the reader sees one message however it is cut. A plain value; to keep one is to remember a place.
///
/// ```
///   | 22 03 01 length | message ... | 22 03 01 length | ... message |
///                         ^ place   ^                       ^
///                         <- inRecord ->                    left: from place to here, without headers
/// ```
///
/// Lengths are checked before it is asked whether the bytes are there. So a fault is found in the order of the bytes,
/// and stays the same with more of them.
struct HandshakeCursor {
    /// What is being read, for the fault.
    var part = ClientHelloFault.Part.head
    /// The place of the next read.
    private var place = 0
    /// Bytes that the present record still has, whether they have come or not.
    private var inRecord = 0
    /// Bytes that the message still has. At first its header: type and length.
    private var left = headerBytes
    /// What is left of the message when the part that is being read has ended.
    private var floor = 0

    private static let headerBytes = 4
    private static let recordHeaderBytes = 5
    private static let recordBytesMax = 16_384
    private static let handshake: UInt8 = 22

    /// How many bytes are left of the part that is being read.
    var rest: Int { left - floor }

    /// The fault of the part that is being read.
    var malformed: HandshakeStop { .fault(.malformed(part)) }

    /// Reads the header of the message, which must be a ClientHello: RFC 8446, 4.
    mutating func begin(in bytes: Span<UInt8>) throws(HandshakeStop) {
        let type = try byte(in: bytes)
        guard type == 1 else { throw .fault(.otherMessage(type)) }
        guard try byte(in: bytes) == 0 else { throw .fault(.tooLong) }
        left = try word(in: bytes)
        guard place + left <= ClientHello.bytesMax else { throw .fault(.tooLong) }
    }

    /// The next byte.
    mutating func byte(in bytes: Span<UInt8>) throws(HandshakeStop) -> UInt8 {
        let at = try skip(1, in: bytes)
        return bytes[at]
    }

    /// The next two bytes as a number.
    mutating func word(in bytes: Span<UInt8>) throws(HandshakeStop) -> Int {
        let high = try byte(in: bytes)
        return try Int(high) << 8 | Int(byte(in: bytes))
    }

    /// The next bytes in an array of their own.
    mutating func array(_ count: Int, in bytes: Span<UInt8>) throws(HandshakeStop) -> [UInt8] {
        guard count <= rest else { throw malformed }
        var array: [UInt8] = []
        array.reserveCapacity(count)
        for _ in 0..<count { array.append(try byte(in: bytes)) }
        return array
    }

    /// Goes on by a number of bytes.
    ///
    /// - Returns: The place of the last of them.
    @discardableResult
    mutating func skip(_ count: Int, in bytes: Span<UInt8>) throws(HandshakeStop) -> Int {
        guard count <= rest else { throw malformed }
        var count = count
        while count > 0 {
            if inRecord == 0 { try enterRecord(in: bytes) }
            let step = min(count, inRecord)
            guard step <= bytes.count - place else { throw .incomplete }
            place += step
            inRecord -= step
            left -= step
            count -= step
        }
        return place - 1
    }

    /// Begins a part of so many bytes; to be ended with the result.
    mutating func enter(_ count: Int) throws(HandshakeStop) -> Int {
        guard count <= rest else { throw malformed }
        let outer = floor
        floor = left - count
        return outer
    }

    /// Ends a part, all of which has been read.
    mutating func leave(_ outer: Int) { floor = outer }

    /// Each byte of a header is judged as soon as it is there.
    private mutating func enterRecord(in bytes: Span<UInt8>) throws(HandshakeStop) {
        // The rest of the message needs this header at least, and perhaps others.
        guard place + Self.recordHeaderBytes + left <= ClientHello.bytesMax else { throw .fault(.tooLong) }
        let header = bytes.extracting(place..<min(bytes.count, place + Self.recordHeaderBytes))
        if header.count > 0, header[0] != Self.handshake { throw .fault(place == 0 ? .notTLS : .otherRecord) }
        if header.count > 1, header[1] != 3 { throw .fault(.recordVersion) }
        if header.count > 2, !(1...4).contains(header[2]) { throw .fault(.recordVersion) }
        if header.count > 3, Int(header[3]) << 8 > Self.recordBytesMax { throw .fault(.recordLength) }
        guard header.count == Self.recordHeaderBytes else { throw .incomplete }
        let length = Int(header[3]) << 8 | Int(header[4])
        guard (1...Self.recordBytesMax).contains(length) else { throw .fault(.recordLength) }
        place += Self.recordHeaderBytes
        inRecord = length
    }
}
