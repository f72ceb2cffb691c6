import TestSupport
import Testing

@testable import Balancer

/// ClientHellos as real clients send them: cut into segments and records anyhow they mean the same, and damaged ones do
/// no harm.
@Suite struct ClientHelloTests {
    @Test func thereAreFilesOfManyClients() {
        let titles = Set(HelloFile.all.map(\.title))
        #expect(HelloFile.all.count >= 20, "\(titles)")
        #expect(
            titles.isSuperset(of: ["chrome", "curl", "gnutls", "go", "java", "nss", "openssl-tls10", "python-ticket"]))
        #expect(HelloFile.all.contains { $0.bytes.count > 1700 }, "one with a post-quantum key share")
    }

    @Test(arguments: HelloFile.all) func aRealHello(file: HelloFile) {
        #expect(ClientHello.read(file.bytes) == .hello(file.expected))
        var without = file.expected
        without.protocols = []
        #expect(ClientHello.read(file.bytes.span, wantsProtocols: false) == .hello(without))
        // What follows belongs to whoever reads on.
        #expect(ClientHello.read(file.bytes + [UInt8](repeating: 0, count: 20_000)) == .hello(file.expected))
    }

    @Test(arguments: HelloFile.all) func eachBeginningIsIncomplete(file: HelloFile) {
        for count in 0..<file.bytes.count {
            let result = ClientHello.read(Array(file.bytes.prefix(count)))
            guard result == .incomplete else {
                Issue.record("the first \(count) of \(file.bytes.count) bytes: \(result)")
                return
            }
        }
    }

    @Test(arguments: HelloFile.all, [1, 2, 7, 100]) func anySizeOfRecords(file: HelloFile, size: Int) {
        let message = Bytes.message(file.bytes)
        let records = Bytes.records(message) { size }
        let fits = records.count <= ClientHello.bytesMax
        let expected: ClientHelloResult = fits ? .hello(file.expected) : .other(.tooLong)
        #expect(ClientHello.read(records) == expected, "\(records.count) bytes")
        guard fits else { return }
        for count in stride(from: 0, to: records.count, by: 11) {
            #expect(ClientHello.read(Array(records.prefix(count))) == .incomplete, "the first \(count) bytes")
        }
    }

    @Test(arguments: [11, 12, 13, 14] as [UInt64]) func recordsOfRandomSizes(seed: UInt64) {
        var dice = SplitMix64(seed: seed)
        for file in HelloFile.all {
            let message = Bytes.message(file.bytes)
            let sizeMax = Int.random(in: 2...400, using: &dice)
            let minor = UInt8.random(in: 1...4, using: &dice)
            let records = Bytes.records(message, minor: minor) { Int.random(in: 1...sizeMax, using: &dice) }
            let expected: ClientHelloResult =
                records.count <= ClientHello.bytesMax ? .hello(file.expected) : .other(.tooLong)
            #expect(ClientHello.read(records) == expected, "seed \(seed), \(file.title), sizes to \(sizeMax)")
        }
    }

    // MARK: damage

    /// Any other value of a byte gives some result. It is that of the whole from the byte on that decides it, and of a
    /// prefix before that `incomplete`.
    @Test(arguments: HelloFile.all) func eachByteDamaged(file: HelloFile) {
        var dice = SplitMix64(seed: 5)
        for place in file.bytes.indices {
            var bytes = file.bytes
            for flip in [1, 0x80, 0xFF, UInt8.random(in: 1...0xFF, using: &dice)] {
                bytes[place] = file.bytes[place] ^ flip
                let whole = ClientHello.read(bytes)
                let half = ClientHello.read(Array(bytes.prefix((place + bytes.count) / 2)))
                guard half == .incomplete || half == whole else {
                    Issue.record("seed 5, byte \(place) ^ \(flip): first \(half), then \(whole)")
                    return
                }
            }
        }
    }

    @Test(arguments: [21, 22, 23] as [UInt64]) func randomBytes(seed: UInt64) {
        var dice = SplitMix64(seed: seed)
        for round in 0..<2000 {
            var bytes = (0..<Int.random(in: 0...600, using: &dice)).map { _ in UInt8.random(in: 0...0xFF, using: &dice)
            }
            // Most would end at the first byte.
            for (place, byte) in [22, 3, 1, 2, 0, 1, 0, 1].enumerated() where place < min(bytes.count, round % 10) {
                bytes[place] = UInt8(byte)
            }
            let whole = ClientHello.read(bytes)
            let half = ClientHello.read(Array(bytes.prefix(bytes.count / 2)))
            #expect(half == .incomplete || half == whole, "seed \(seed), round \(round): \(bytes)")
        }
    }

    /// Many mutations at once, and bytes moved, doubled and taken away.
    @Test(arguments: [31, 32, 33] as [UInt64]) func muchDamage(seed: UInt64) {
        var dice = SplitMix64(seed: seed)
        for file in HelloFile.all {
            for _ in 0..<100 {
                var bytes = file.bytes
                for _ in 0..<Int.random(in: 1...6, using: &dice) {
                    let place = Int.random(in: 0..<bytes.count, using: &dice)
                    switch Int.random(in: 0..<3, using: &dice) {
                    case 0: bytes[place] = UInt8.random(in: 0...0xFF, using: &dice)
                    case 1: bytes.insert(bytes[place], at: place)
                    default: bytes.remove(at: place)
                    }
                }
                let whole = ClientHello.read(bytes)
                let part = ClientHello.read(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &dice))))
                #expect(part == .incomplete || part == whole, "seed \(seed), \(file.title): \(bytes)")
            }
        }
    }

    // MARK: published

    /// RFC 8448, 3: "construct a ClientHello handshake message", and its record.
    @Test func theExampleOfRFC8448() {
        let bytes = Bytes.hex(
            """
            16 03 01 00 c4 01 00 00 c0 03 03 cb 34 ec b1 e7 81 63 ba 1c 38 c6 da cb 19 6a 6d ff a2 1a 8d 99 12 ec 18 a2
            ef 62 83 02 4d ec e7 00 00 06 13 01 13 03 13 02 01 00 00 91 00 00 00 0b 00 09 00 00 06 73 65 72 76 65 72 ff
            01 00 01 00 00 0a 00 14 00 12 00 1d 00 17 00 18 00 19 01 00 01 01 01 02 01 03 01 04 00 23 00 00 00 33 00 26
            00 24 00 1d 00 20 99 38 1d e5 60 e4 bd 43 d2 3d 8e 43 5a 7d ba fe b3 c0 6e 51 c1 3c ae 4d 54 13 69 1e 52 9a
            af 2c 00 2b 00 03 02 03 04 00 0d 00 20 00 1e 04 03 05 03 06 03 02 03 08 04 08 05 08 06 04 01 05 01 06 01 02
            01 04 02 05 02 06 02 02 02 00 2d 00 02 01 01 00 1c 00 02 40 01
            """)
        #expect(bytes.count == 201)
        let expected = ClientHello(name: ServerName("server"), protocols: [], isEncrypted: false)
        #expect(ClientHello.read(bytes) == .hello(expected))
    }
}
