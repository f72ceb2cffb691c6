import TestSupport
import Testing

@testable import Balancer

@Suite struct EscapedBytesTests {
    @Test func everyByteComesBack() throws {
        for byte in UInt8.min...UInt8.max {
            let text = EscapedBytes.text([byte])
            #expect(try EscapedBytes.parse(text) == [byte], "\(text)")
            #expect(text.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
        }
    }

    @Test(arguments: [3, 17, 4711] as [UInt64]) func randomBytesComeBack(seed: UInt64) throws {
        var dice = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 0...40, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice) }
            #expect(try EscapedBytes.parse(EscapedBytes.text(bytes)) == bytes, "seed \(seed)")
        }
    }

    @Test func whatIsWritten() throws {
        #expect(try EscapedBytes.parse("PING\\r\\n") == Array("PING\r\n".utf8))
        #expect(try EscapedBytes.parse("PING\r\n") == Array("PING\r\n".utf8))
        #expect(try EscapedBytes.parse("\\x00\\xfF\\t\\\\") == [0, 255, 9, 92])
        #expect(try EscapedBytes.parse("\u{20AC}") == [0xE2, 0x82, 0xAC])
        #expect(try EscapedBytes.parse("") == [])
        #expect(EscapedBytes.text(Array("a\"$'\\\u{7F}".utf8)) == "a\"$'\\\\\\x7f")
    }

    @Test(arguments: [
        ("\\", "the text ends with a backslash"), ("a\\q", "'\\q' means nothing"), ("\\x1", "two hexadecimal digits"),
        ("\\xg0", "two hexadecimal digits"), ("\\x", "two hexadecimal digits"), ("\u{E9}", "U+00E9"),
        ("\u{80}", "U+0080"),
    ])
    func whatIsRefused(text: String, reason: String) {
        let fault = #expect(throws: EscapedBytes.Fault.self) { _ = try EscapedBytes.parse(text) }
        #expect(fault?.reason.contains(reason) == true, "\(fault?.reason ?? "")")
    }
}
