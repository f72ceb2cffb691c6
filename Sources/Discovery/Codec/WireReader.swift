/// Reads a message from its first byte to its last: RFC 1035, 4.1.
///
/// Each read checks that the bytes are there. No number from the message is a size of anything that is allocated.
struct WireReader {
    private let bytes: [UInt8]
    /// The place of the next read.
    private(set) var place = 0

    /// The most pointers in one name. A sensible name has one for each of its labels at the most, of which 255 bytes hold
    /// 127; without a limit each of thousands of records could lead through thousands of pointers.
    static let pointersMax = 127

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// How many bytes are left.
    var rest: Int { bytes.count - place }

    mutating func byte() throws(WireFault) -> UInt8 {
        guard place < bytes.count else { throw .cutShort }
        place += 1
        return bytes[place - 1]
    }

    mutating func word() throws(WireFault) -> UInt16 {
        let high = try byte()
        return try UInt16(high) << 8 | UInt16(byte())
    }

    mutating func double() throws(WireFault) -> UInt32 {
        let high = try word()
        return try UInt32(high) << 16 | UInt32(word())
    }

    mutating func quad() throws(WireFault) -> UInt64 {
        let high = try double()
        return try UInt64(high) << 32 | UInt64(double())
    }

    mutating func skip(_ count: Int) throws(WireFault) {
        guard count >= 0, count <= rest else { throw .cutShort }
        place += count
    }

    /// A name, which a pointer may continue at an earlier place: RFC 1035, 4.1.4.
    ///
    /// Each pointer must lead to before the labels that it ends. So the places go down, and no loop is possible. The
    /// reader goes on after the first pointer, or after the zero that ends the name.
    mutating func name() throws(WireFault) -> DomainName {
        var wire: [UInt8] = []
        var reader = self
        var start = place
        var pointers = 0
        while true {
            let length = try reader.byte()
            switch length >> 6 {
            case 0b00 where length == 0:
                if pointers == 0 { place = reader.place }
                return DomainName(wire: wire + [0])
            case 0b00:
                // The zero at the end has to fit as well.
                guard wire.count + 1 + Int(length) < DomainName.wireBytesMax else { throw .longName }
                wire.append(length)
                for _ in 0..<length { wire.append(DomainName.lowercased(try reader.byte())) }
            case 0b11:
                let target = Int(length & 0x3F) << 8 | Int(try reader.byte())
                if pointers == 0 { place = reader.place }
                pointers += 1
                guard target < start, target >= Message.headerBytes else { throw .pointer }
                guard pointers <= Self.pointersMax else { throw .tooManyPointers }
                reader.place = target
                start = target
            default: throw .labelKind
            }
        }
    }
}
