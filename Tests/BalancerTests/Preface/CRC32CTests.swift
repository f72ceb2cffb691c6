import Testing

@testable import Balancer

@Suite struct CRC32CTests {
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var checksum = CRC32C()
        for byte in bytes { checksum.take(byte) }
        return checksum.value
    }

    /// RFC 3720, appendix B.4, which writes the least significant byte first.
    @Test func examples() {
        #expect(Self.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(Self.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(Self.checksum(Array(0...31)) == 0x46DD_794E)
        #expect(Self.checksum((0...31).reversed()) == 0x113F_DB5C)
        let read = ProxyVector.hex(
            "01C00000 00000000 00000000 00000000 14000000 00000400",
            "00000014 00000018 28000000 00000000 02000000 00000000"
        )
        #expect(Self.checksum(read) == 0xD996_3A56)
        #expect(Self.checksum([]) == 0)
        // The check value that catalogues of checksums give.
        #expect(Self.checksum(Array("123456789".utf8)) == 0xE306_9283)
    }
}
