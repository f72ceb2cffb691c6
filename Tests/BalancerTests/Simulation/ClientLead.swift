import Reactor

@testable import Balancer

/// What the stream of a simulated client begins with, before its own bytes: a PROXY header, a ClientHello, or something
/// that looks like one.
struct ClientLead {
    enum Header { case none, right, wrong }
    enum Hello: Equatable {
        case none
        /// A ClientHello with this name, or without one.
        case whole(String?)
        case noTLS
    }

    var header = Header.none
    var headerBytes: [UInt8] = []
    /// The client by its header; nil where that names nobody.
    var claimed: SocketAddress?
    var destination: SocketAddress?
    var authority: String?
    var hello = Hello.none
    var helloBytes: [UInt8] = []

    var bytes: [UInt8] { headerBytes + helloBytes }

    /// Names of routes, one that only a wildcard matches, and one without a route.
    static let names = ["a.example", "b.example", "x.w.example", "nobody.example"]
    private static let garbage = Array("GET / HTTP/1.1\r\n".utf8)

    /// The lead of client number `number`, whose claims no other client has.
    init(number: Int, _ random: inout SeededGenerator) {
        switch Int.random(in: 0..<100, using: &random) {
        case ..<55: makeHeader(number, isLocal: false, &random)
        case ..<65: makeHeader(number, isLocal: true, &random)
        case ..<75:
            makeHeader(number, isLocal: false, &random)
            spoil()
        default: break
        }
        switch Int.random(in: 0..<100, using: &random) {
        case ..<55: makeHello(Self.names.randomElement(using: &random), number)
        case ..<65: makeHello(nil, number)
        case ..<75:
            guard let file = HelloFile.all.randomElement(using: &random) else { return }
            (hello, helloBytes) = (.whole(file.expected.name?.description), file.bytes)
        case ..<85: (hello, helloBytes) = (.noTLS, Self.garbage)
        default: break
        }
    }

    private mutating func makeHeader(_ number: Int, isLocal: Bool, _ random: inout SeededGenerator) {
        header = .right
        let version: ProxyVersion = random.chance(40) ? .v1 : .v2
        guard !isLocal else {
            headerBytes = ProxyHeaderWriter.probe(version, from: nil, to: nil)
            return
        }
        let port = UInt16(30_001 + number)
        if random.chance(70) {
            let host = 0x0B00_0000 + UInt32.random(in: 0...2, using: &random) << 8
            claimed = .ipv4(host + UInt32.random(in: 1...2, using: &random), port: port)
            destination = .ipv4(0x0C00_0001, port: 443)
        } else {
            let high = 0x2001_0DB8_0000_0000 + UInt64.random(in: 0...1, using: &random)
            claimed = .ipv6(high: high, low: UInt64.random(in: 1...2, using: &random), scope: 0, port: port)
            destination = .ipv6(high: high, low: 0xFFFF, scope: 0, port: 443)
        }
        var options: ProxyHeaderWriter.Options = []
        if random.chance(50) { options.insert(.checksum) }
        if random.chance(50) { options.insert(.uniqueID) }
        if version == .v2, random.chance(30) { authority = Self.names.randomElement(using: &random) }
        let (source, goal, name) = (claimed, destination, authority.map { Array($0.utf8) })
        headerBytes = unsafe Array(unsafeUninitializedCapacity: ProxyHeaderWriter.bytesMax) { buffer, count in
            count = unsafe ProxyHeaderWriter.write(
                version, source: source, destination: goal, options: options, uniqueID: UInt64(number),
                authority: name, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    /// A family, or a version, that there is not.
    private mutating func spoil() {
        header = .wrong
        let isText = headerBytes[0] == UInt8(ascii: "P")
        headerBytes[isText ? 6 : 12] = isText ? UInt8(ascii: "X") : 0x11
        (claimed, destination, authority) = (nil, nil, nil)
    }

    private mutating func makeHello(_ name: String?, _ number: Int) {
        func word(_ number: Int) -> [UInt8] { [UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)] }
        let host = name.map { [0] + word($0.utf8.count) + Array($0.utf8) } ?? []
        let list = word(host.count) + host
        let extensions = name == nil ? [] : [0, 0] + word(list.count) + list
        let body =
            [3, 3] + [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32) + [0, 0, 2, 0x13, 0x01, 1, 0]
            + word(extensions.count) + extensions
        hello = .whole(name)
        helloBytes = Bytes.records([1, 0] + word(body.count) + body) { 16_384 }
    }
}

extension Host {
    /// The byte at `place` of what it sends: its lead, then its own stream.
    func byte(at place: Int) -> UInt8 {
        place < leadBytes.count ? leadBytes[place] : Self.byte(id, place - leadBytes.count)
    }

    /// What it sends begins with a lead; at times it stops in the middle of that, and leaves or stays.
    mutating func begin(with lead: ClientLead, stopPercent: Int, _ random: inout SeededGenerator) {
        (self.lead, leadBytes) = (lead, lead.bytes)
        planned += leadBytes.count
        guard !leadBytes.isEmpty, random.chance(stopPercent) else { return }
        planned = Int.random(in: 0..<leadBytes.count, using: &random)
        neverEnds = random.chance(50)
    }
}
