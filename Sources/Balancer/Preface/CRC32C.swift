/// The checksum of Castagnoli: polynomial 0x1EDC6F41, reflected, as SCTP and iSCSI have it. Source: RFC 4960, appendix
/// B; RFC 3720, appendix B.4, has examples.
struct CRC32C {
    private var register = UInt32.max

    /// Made at the first checksum of the process.
    private static let table = InlineArray<256, UInt32> { index in
        var word = UInt32(truncatingIfNeeded: index)
        // 0x82F63B78 is the polynomial with its bits in reverse order.
        for _ in 0..<8 { word = word >> 1 ^ (word & 1 == 1 ? 0x82F6_3B78 : 0) }
        return word
    }

    /// Takes the next byte.
    mutating func take(_ byte: UInt8) {
        register = Self.table[Int((register ^ UInt32(byte)) & 0xFF)] ^ register >> 8
    }

    /// Of the bytes that were taken, as a number. The PROXY protocol writes it in network byte order.
    var value: UInt32 { ~register }
}
