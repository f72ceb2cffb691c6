import CEpoll
import Glibc
import TestSupport
import Testing

@testable import Balancer

/// Addresses as text, compared with what inet_pton(3) takes.
@Suite struct AddressTextTests {
    private static func ipv4(_ text: String) -> UInt32? {
        var reader = IPv4Text()
        for byte in text.utf8 where !reader.take(byte) { return nil }
        return reader.address
    }

    /// nil where no address begins so, and false where more is needed.
    private static func ipv6(_ text: String) -> (isPrefix: Bool, address: [UInt64]?) {
        var reader = IPv6Text()
        for byte in text.utf8 where !reader.take(byte) { return (false, nil) }
        return (true, reader.address.map { [$0.high, $0.low] })
    }

    private static func kernelIPv4(_ text: String) -> UInt32? {
        var address = in_addr()
        return unsafe inet_pton(AF_INET, text, &address) == 1 ? UInt32(bigEndian: address.s_addr) : nil
    }

    private static func kernelIPv6(_ text: String) -> [UInt64]? {
        var address = in6_addr()
        guard unsafe inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        return unsafe withUnsafeBytes(of: address) { bytes in
            unsafe [
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
            ]
        }
    }

    /// What an address that has begun may go on with, in one of many ways.
    private static let endings: [String] = {
        var endings: [String] = []
        for start in ["", "0", ":", "::", ":0", "0:"] {
            for count in 0...7 {
                endings.append(start + String(repeating: ":0", count: count))
                endings.append(start + String(repeating: ":0", count: count) + "::")
                endings.append(start + String(repeating: "0:", count: count) + "0")
                endings.append(start + String(repeating: ".0", count: count))
            }
        }
        return endings
    }()

    private static func randomText(_ alphabet: String, _ dice: inout SplitMix64) -> String {
        let characters = Array(alphabet)
        return String(
            (0..<Int.random(in: 0...14, using: &dice)).compactMap { _ in characters.randomElement(using: &dice) })
    }

    /// A right address with up to two characters changed, put in or left out.
    private static func damagedText(_ dice: inout SplitMix64) -> String {
        let groups = (0..<8).map { _ in String(UInt16.random(in: 0...UInt16.max, using: &dice), radix: 16) }
        let gap = Int.random(in: 0...7, using: &dice)
        let whole = groups.joined(separator: ":")
        let quad = groups[..<6].joined(separator: ":") + ":1.20.255.0"
        let short = groups[..<gap].joined(separator: ":") + "::" + groups[gap...].dropFirst(2).joined(separator: ":")
        var text = Array([whole, quad, short].randomElement(using: &dice) ?? "")
        for _ in 0..<Int.random(in: 0...2, using: &dice) {
            let place = Int.random(in: 0..<text.count, using: &dice)
            let character = "0129:.afF".randomElement(using: &dice) ?? "0"
            switch Int.random(in: 0...2, using: &dice) {
            case 0: text[place] = character
            case 1: text.insert(character, at: place)
            default: text.remove(at: place)
            }
        }
        return String(text)
    }

    @Test func likeTheLibrary() {
        let seed = PrefaceSeed.make()
        var dice = SplitMix64(seed: seed)
        var right = (ipv4: 0, ipv6: 0)
        for _ in 0..<100_000 {
            let four = Self.randomText("01256.", &dice)
            #expect(Self.ipv4(four) == Self.kernelIPv4(four), "seed \(seed): \(four)")
            if Self.kernelIPv4(four) != nil { right.ipv4 += 1 }
            let six = Bool.random(using: &dice) ? Self.randomText(":012aF.", &dice) : Self.damagedText(&dice)
            #expect(Self.ipv6(six).address == Self.kernelIPv6(six), "seed \(seed): \(six)")
            if Self.kernelIPv6(six) != nil { right.ipv6 += 1 }
        }
        #expect(right.ipv4 > 100 && right.ipv6 > 10_000, "seed \(seed): \(right)")
    }

    /// As long as it does not say no, there is an address that begins so; and it says no only when there is none.
    @Test func noAtTheFirstWrongByte() {
        let seed = PrefaceSeed.make()
        var dice = SplitMix64(seed: seed)
        for _ in 0..<3_000 {
            let text = Bool.random(using: &dice) ? Self.randomText(":012aF.", &dice) : Self.damagedText(&dice)
            let canEnd = Self.endings.contains { Self.kernelIPv6(text + $0) != nil }
            #expect(Self.ipv6(text).isPrefix == canEnd, "seed \(seed): \(text)")
        }
    }

    @Test func ports() {
        for number in 0...70_000 {
            var reader = PortText()
            let isRight = String(number).utf8.allSatisfy { reader.take($0) }
            #expect(isRight == (number <= 65_535))
            if isRight { #expect(reader.port == UInt16(exactly: number)) }
        }
        #expect(PortText().port == nil)
    }
}
