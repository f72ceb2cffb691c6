// Addresses and ports as version 1 of the PROXY protocol writes them, read byte by byte. `take` is false at the first
// byte with which no address can begin any more: so a wrong line is found before its end has come.

/// An IPv4 address: four numbers without leading zeros, as inet_pton(3) takes it.
struct IPv4Text {
    private var value: UInt32 = 0
    private var octet: UInt32 = 0
    private var digits = 0
    private var dots = 0

    /// Takes the next byte; false when there is no such address.
    mutating func take(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            if digits > 0, octet == 0 { return false }
            octet = octet &* 10 &+ UInt32(byte & 0x0F)
            digits &+= 1
            return octet <= 255
        case UInt8(ascii: "."):
            guard digits > 0, dots < 3 else { return false }
            value = value << 8 | octet
            (octet, digits) = (0, 0)
            dots &+= 1
            return true
        default: return false
        }
    }

    /// The address, in host byte order; nil while it is not complete.
    var address: UInt32? { dots == 3 && digits > 0 ? value << 8 | octet : nil }
}

/// An IPv6 address in every form that inet_pton(3) takes: RFC 4291, 2.2, where `::` stands for at least one group.
/// There is no scope.
struct IPv6Text {
    private enum State {
        case start, firstColon, group, colon, gap, quad
    }

    private var state = State.start
    /// The groups that are complete, and after `::` those behind it.
    private var bits: UInt128 = 0
    private var groups = 0
    private var group: UInt128 = 0
    private var digits = 0
    /// The address until `::`, its groups at the top.
    private var head: UInt128?
    /// The group that is being read, as the beginning of an IPv4 address; nil when it can be none.
    private var quad: IPv4Text?

    private static let groupsAll = 8
    /// An IPv4 address takes the place of so many.
    private static let quadGroups = 2

    /// How many groups may be written: `::` stands for one or more.
    private var groupsMax: Int { head == nil ? Self.groupsAll : Self.groupsAll - 1 }

    /// Takes the next byte; false when there is no such address.
    mutating func take(_ byte: UInt8) -> Bool {
        switch byte {
        case _ where state == .quad: quad?.take(byte) ?? false
        case UInt8(ascii: ":"): takeColon()
        case UInt8(ascii: "."): takeDot()
        case UInt8(ascii: "0")...UInt8(ascii: "9"): takeDigit(byte, UInt128(byte & 0x0F))
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
            takeDigit(byte, UInt128(byte & 0x0F) &+ 9)
        default: false
        }
    }

    private mutating func takeDigit(_ byte: UInt8, _ digit: UInt128) -> Bool {
        switch state {
        case .firstColon, .quad: return false
        case .group: break
        case .start, .colon, .gap:
            guard groups < groupsMax else { return false }
            (state, group, digits, quad) = (.group, 0, 0, IPv4Text())
        }
        group = group << 4 | digit
        digits &+= 1
        if quad?.take(byte) != true { quad = nil }
        return digits <= 4
    }

    private mutating func takeColon() -> Bool {
        switch state {
        case .start: state = .firstColon
        case .firstColon: openGap()
        case .colon where head == nil: openGap()
        case .group:
            endGroup()
            // With all groups but one, `::` may still follow.
            guard groups < groupsMax else { return false }
            state = .colon
        case .colon, .gap, .quad: return false
        }
        return true
    }

    private mutating func endGroup() {
        bits = bits << 16 | group
        groups &+= 1
    }

    private mutating func openGap() {
        // A shift by all of its 128 bits, with no group before `::`, leaves 0.
        head = bits << UInt128(16 &* (Self.groupsAll &- groups))
        (state, bits) = (.gap, 0)
    }

    /// The group was the first number of an IPv4 address, which ends the whole: RFC 4291, 2.2, 3.
    private mutating func takeDot() -> Bool {
        let isPlace = head == nil ? groups == groupsMax - Self.quadGroups : groups <= groupsMax - Self.quadGroups
        guard state == .group, isPlace else { return false }
        state = .quad
        return quad?.take(UInt8(ascii: ".")) ?? false
    }

    /// The two halves of the address, in host byte order; nil while it is not complete.
    var address: (high: UInt64, low: UInt64)? {
        var whole = self
        switch state {
        case .start, .firstColon, .colon: return nil
        case .gap: break
        case .group: whole.endGroup()
        case .quad:
            guard let low = quad?.address else { return nil }
            whole.bits = bits << 32 | UInt128(low)
            whole.groups &+= Self.quadGroups
        }
        guard head != nil || whole.groups == Self.groupsAll else { return nil }
        let bits = (head ?? 0) | whole.bits
        return (UInt64(truncatingIfNeeded: bits >> 64), UInt64(truncatingIfNeeded: bits))
    }
}

/// A port in decimal digits without leading zeros: 0 to 65535.
struct PortText {
    private var value: UInt32 = 0
    private var digits = 0

    /// Takes the next byte; false when there is no such port.
    mutating func take(_ byte: UInt8) -> Bool {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), digits == 0 || value > 0 else { return false }
        value = value &* 10 &+ UInt32(byte & 0x0F)
        digits &+= 1
        return value <= UInt32(UInt16.max)
    }

    /// The port; nil while there is no digit.
    var port: UInt16? { digits > 0 ? UInt16(exactly: value) : nil }
}
