import Balancer
import ConfigurationFile
import Reactor
import Testing

@testable import Discovery
@testable import PoolDiscovery

/// What findings of name servers become.
@Suite struct MappingTests {
    private static let server = SocketAddress.ipv4(0x0A00_0035, port: 53)

    private static func found(
        _ endpoints: [Endpoint], omitted: Int = 0, without: [DomainName] = [], ttl: Duration = .seconds(5)
    ) throws -> Finding {
        .found(
            Endpoints(
                name: try name("db.example."), server: server, endpoints: endpoints, timeToLive: ttl, omitted: omitted,
                targetsWithoutAddress: without))
    }

    private static func addresses(_ count: UInt32) throws -> Finding {
        try found(
            try (1...count).map {
                Endpoint(
                    address: .ipv4(0x0A00_0000 + $0, port: 0), priority: 0, weight: 0, target: try name("db.example."))
            })
    }

    private static func endpoint(
        _ target: String, _ last: UInt32, port: UInt16 = 80, priority: UInt16 = 0, weight: UInt16 = 0
    ) throws -> Endpoint {
        Endpoint(
            address: .ipv4(0x0A00_0000 + last, port: port), priority: priority, weight: weight,
            target: try name(target))
    }

    @Test func everyAddressIsABackend() throws {
        var pool = try DiscoveredPool.names()
        let answer = pool.answer(try Self.addresses(2), besides: [])
        #expect(answer.lines == ["10.0.0.1:5432", "10.0.0.2:5432"])
        guard case .backends(_, _, let time) = answer else { throw Unexpected(try Self.addresses(2)) }
        #expect(time == .seconds(5))
        pool.weight = 3
        pool.sessionsMax = 7
        #expect(pool.answer(try Self.addresses(1), besides: []).lines == ["10.0.0.1:5432 weight 3 max 7"])
    }

    @Test func aServiceTellsPortsWeightsAndBackups() throws {
        let finding = try Self.found([
            Self.endpoint("a.example.", 1, port: 81, priority: 10, weight: 60),
            Self.endpoint("b.example.", 2, port: 82, priority: 10, weight: 20),
            Self.endpoint("c.example.", 3, port: 83, priority: 20, weight: 1000),
            Self.endpoint("d.example.", 4, port: 84, priority: 30, weight: 500),
        ])
        #expect(
            try DiscoveredPool.service().answer(finding, besides: []).lines == [
                "a.example:81 10.0.0.1:81 weight 60", "b.example:82 10.0.0.2:82 weight 20",
                "c.example:83 10.0.0.3:83 weight 2 backup", "d.example:84 10.0.0.4:84 backup",
            ])
    }

    /// The name of a target stays when it moves; where several have it, it would name none of them.
    @Test func aTargetWithSeveralAddressesIsCalledByThem() throws {
        let long = Array(repeating: String(repeating: "x", count: 60), count: 3).joined(separator: ".") + "."
        let finding = try Self.found([
            Self.endpoint("a.example.", 1), Self.endpoint("a.example.", 2), Self.endpoint("a.example.", 3, port: 81),
            Self.endpoint(long, 4),
        ])
        #expect(
            try DiscoveredPool.service().answer(finding, besides: []).lines == [
                "10.0.0.1:80", "10.0.0.2:80", "a.example:81 10.0.0.3:81", "10.0.0.4:80",
            ])
    }

    @Test func whatTheBalancerListensOnIsLeftOut() throws {
        let own = [OwnAddress(.ipv4(0x0A00_0002, port: 5432)), OwnAddress(.ipv4(0x0A00_0001, port: 80))]
        #expect(
            try DiscoveredPool.names().answer(Self.addresses(3), besides: own).lines == [
                "10.0.0.1:5432", "10.0.0.3:5432", "# 10.0.0.2:5432 is left out: the balancer itself listens on it",
            ])
        let alone = try DiscoveredPool.names().answer(
            Self.addresses(1), besides: [OwnAddress(.ipv4(0x0A00_0001, port: 5432))])
        #expect(
            alone.lines == [
                "! 0 backends, and at least 1 are needed ('min'); 10.0.0.1:5432 is left out: the balancer itself listens "
                    + "on it"
            ])
    }

    @Test func thereAreBounds() throws {
        let pool = try DiscoveredPool.names().with(min: 3, max: 4)
        #expect(
            try pool.answer(Self.addresses(2), besides: []).lines == ["! 2 backends, and at least 3 are needed ('min')"]
        )
        #expect(try pool.answer(Self.addresses(4), besides: []).lines.count == 4)
        #expect(
            try pool.answer(Self.addresses(6), besides: []).lines == [
                "10.0.0.1:5432", "10.0.0.2:5432", "10.0.0.3:5432", "10.0.0.4:5432",
                "# 2 of 6 backends are left out: 'max' is 4",
            ])
    }

    @Test func whatIsMissingIsTold() throws {
        let finding = try Self.found(
            [Self.endpoint("a.example.", 1)], omitted: 2, without: [try name("b.example.")])
        #expect(
            try DiscoveredPool.service().answer(finding, besides: []).lines == [
                "a.example:80 10.0.0.1:80", "# b.example. has no address, and is left out",
                "# 2 more are left out: one answer has too many",
            ])
    }

    /// Only the word of a server that there is nothing empties a pool, and only one that may be empty.
    @Test func nothingIsBelievedOfPoolsThatMayBeEmpty() throws {
        let absence = Absence(
            sought: try SoughtName("db.example."), names: [try name("db.example.")], server: Self.server)
        let nothing: [Finding] = [.unknown(absence), .empty(absence, .noRecords([.a])), .empty(absence, .notOffered)]
        let useless: [Finding] = [
            .empty(absence, .unusable(.ipv4(0, port: 0))), .empty(absence, .targetsWithoutAddress(try name("a."))),
            .unanswered(absence.sought, Unanswered(question: try question("db.example.", .a))),
        ]
        let pool = try DiscoveredPool.names()
        for finding in nothing + useless { #expect(pool.answer(finding, besides: []).lines == ["! \(finding)"]) }
        let empty = pool.with(min: 0)
        for finding in nothing { #expect(empty.answer(finding, besides: []).lines == []) }
        for finding in useless { #expect(empty.answer(finding, besides: []).lines == ["! \(finding)"]) }
    }

    @Test(
        arguments: [
            ([0, 0], [1, 1]), ([1, 2, 256], [1, 2, 256]), ([], []), ([7], [7]), ([0], [1]),
            ([1000, 2000, 3000], [1, 2, 3]), ([65535, 1], [256, 1]), ([65535, 32768], [256, 128]),
            ([300, 300], [1, 1]),
            ([0, 10, 20], [1, 128, 256]), ([0, 65535], [1, 256]), ([257, 256], [256, 255]),
        ] as [([UInt16], [Int32])])
    func weightsKeepTheirRatios(weights: [UInt16], expected: [Int32]) {
        #expect(Weights.scaled(weights) == expected)
    }

    /// Whatever a server says, weights are in their range, and a heavier one is never lighter.
    @Test func weightsAreWeights() {
        for one in stride(from: 0, through: 65535, by: 977) {
            for other in stride(from: 0, through: 65535, by: 1009) {
                let scaled = Weights.scaled([UInt16(one), UInt16(other), 0])
                #expect(scaled.allSatisfy { (1...Limits.weightMax).contains($0) })
                if one > other { #expect(scaled[0] >= scaled[1]) }
            }
        }
    }
}
