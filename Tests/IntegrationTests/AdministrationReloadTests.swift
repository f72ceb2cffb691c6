import AdministrationAPI
import AdministrationClient
import Foundation
import Testing

/// The file of a running balancer, read again and compared for those who ask.
@Suite("Reloads by administration", .ownThread)
struct AdministrationReloadTests {
    @Test(
        "a reload takes the file over; one with a mistake is refused with the mistake, and nothing changes",
        arguments: [1, 2])
    func reload(threads: Int) throws {
        let backends = try ["A", "B"].map { try EchoBackend(named: $0) }
        defer { withExtendedLifetime(backends) {} }
        let balancer = try ConfiguredBalancer.startAdministered(backends.map(\.port), threads: threads)
        let administration = balancer.administration
        let right = try String(contentsOfFile: balancer.filePath, encoding: .utf8)
        let before = try administration.status()
        #expect(try administration.text("/v1/config").text.contains("name: b0"))
        try right.replacing("{name: b0,", with: "{nam: b0,").write(
            toFile: balancer.filePath, atomically: true, encoding: .utf8)
        let refusal = try administration.refusal { try administration.wish("POST", ["v1", "config", "reload"]) }
        #expect(refusal?.contains("nam") == true && refusal?.contains("balancer.yaml:") == true, "\(refusal ?? "-")")
        let diff = try administration.refusal {
            _ = try administration.client.ask(ConfigurationDifference.self, "GET", "/v1/config/diff")
        }
        #expect(diff?.contains("nam") == true, "\(diff ?? "-")")
        #expect(
            try administration.status().pools.map { $0.backends.map(\.name) }
                == before.pools.map { $0.backends.map(\.name) })
        #expect(try administration.events().contains { $0.event == "process-reload-refused" })
        #expect(try administration.text("/metrics").text.contains("balancer_"))

        try right.replacing("{name: b0,", with: "{weight: 3, name: b0,").write(
            toFile: balancer.filePath, atomically: true, encoding: .utf8)
        let difference = try administration.client.ask(ConfigurationDifference.self, "GET", "/v1/config/diff")
        #expect(difference.changes == ["pool web: backend b0: weight 1 becomes 3"], "\(difference)")
        #expect(try administration.backend("b0").weight == 1)
        let change = try administration.wish("POST", ["v1", "config", "reload"])
        #expect(change.subject == "configuration" && change.new == "taken over: backends changed: 1", "\(change)")
        try eventually("the new weight is there", within: .seconds(20), details: { balancer.program.summary }) {
            try administration.backend("b0").weight == 3
        }
        let rows = try administration.events().map(\.event)
        #expect(rows.filter { $0 == "process-reload-asked" }.count == 2 && rows.contains("process-reloaded"))

        try right.replacing("{name: b0,", with: "{weight: 3, sessions_max: 9, name: b0,")
            .replacing("threads: \(threads)", with: "threads: \(threads + 1)")
            .write(toFile: balancer.filePath, atomically: true, encoding: .utf8)
        let refused = try administration.client.ask(ConfigurationDifference.self, "GET", "/v1/config/diff")
        #expect(refused.changes.first?.contains("would be refused: process.threads") == true, "\(refused)")
        #expect(refused.changes.contains("pool web: backend b0: settings change: sessions_max"), "\(refused)")
    }
}
