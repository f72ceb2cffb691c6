import AdministrationAPI
import ArgumentParser
import Drill
import Reactor
import Testing
import Top

@testable import AdministrationCommands

/// What a drill needs, and what it refuses.
@Suite("Drill: before it begins") struct DrillSetupTests {
    private func wish(_ backend: String, listener: String? = nil, isForced: Bool = false) -> DrillSetup.Wish {
        DrillSetup.Wish(
            backend: backend, mode: .silent, length: .seconds(30), baseline: .seconds(5), listener: listener, rate: 50,
            patience: .seconds(15), sent: [], expected: [], isForced: isForced, isCopy: false)
    }

    /// The sample with all backends up.
    private func status(_ change: (inout Status) -> Void = { _ in }) -> Status {
        sampleStatus { status in
            for pool in status.pools.indices {
                for backend in status.pools[pool].backends.indices { status.pools[pool].backends[backend].state = "up" }
            }
            change(&status)
        }
    }

    private func complaint(_ wish: DrillSetup.Wish, _ status: Status) -> String {
        do throws(Fault) {
            _ = try DrillSetup(wish, status)
            return "no fault"
        } catch {
            return error.text
        }
    }

    @Test("a listener that leads to the pool is probed, at an address by which this machine reaches it")
    func plan() throws {
        let setup = try DrillSetup(wish("web/b2"), status())
        #expect(setup.plan.listener == "web")
        #expect(setup.plan.address == "127.0.0.1:8000")
        #expect(setup.plan.pool == "web" && setup.plan.backend == "b2" && setup.plan.mode == .silent)
        #expect(setup.plan.lengthSeconds == 30)
        #expect(setup.others == ["b1"])
        #expect(setup.probes.hasManySources)
        let six = status { $0.listeners[0].addresses = ["unix:/run/web.sock", "[::]:8000"] }
        let other = try DrillSetup(wish("web/b2"), six)
        #expect(other.plan.address == "[::1]:8000")
        #expect(!other.probes.hasManySources)
    }

    @Test(
        "a backend that does not serve cannot be taken away",
        arguments: [
            ("drain", "`balancer ready web/b2` first"), ("maintain", "`balancer ready web/b2` first"),
            ("silent", "another drill"), ("refusing", "another drill"), ("down", "already"), ("ejected", "already"),
        ])
    func state(state: String, text: String) {
        #expect(complaint(wish("web/b2"), status { $0.pools[0].backends[1].state = state }).contains(text))
    }

    @Test("a backend without others is taken away only by force")
    func alone() throws {
        let status = status { $0.pools[0].backends[0].state = "down" }
        #expect(complaint(wish("web/b2"), status).contains("give --force"))
        #expect(try DrillSetup(wish("web/b2", isForced: true), status).others.isEmpty)
    }

    @Test("without a listener that can be probed the error says which one is needed")
    func listeners() {
        #expect(complaint(wish("api/b2"), status()).contains("no listener leads to pool 'api'"))
        #expect(complaint(wish("api/b2", listener: "web"), status()).contains("does not lead to pool 'api'"))
        #expect(complaint(wish("web/b2", listener: "wbe"), status()).contains("no listener 'wbe'"))
        #expect(
            complaint(wish("web/b2"), status { $0.listeners[0].state = "paused" }).contains(
                "`balancer resume web` first"))
        #expect(
            complaint(wish("web/b2"), status { $0.listeners[0].addresses = ["unix:/run/web.sock"] })
                .contains("no IP address"))
        // Clients of a listener with routes have to name a server.
        let routed = status { $0.listeners[0].routes = [Status.Route(title: "*", pool: "web", clientsTotal: 0)] }
        #expect(complaint(wish("web/b2"), routed).contains("--listener"))
        #expect(complaint(wish("web/b2", listener: "web"), routed) == "no fault")
    }

    @Test("arguments that contradict each other are refused before anything is asked")
    func arguments() throws {
        _ = try DrillCommand.parse(["/run/x.sock", "--backend", "b2", "--for", "1m", "--mode", "silent", "--yes"])
        _ = try DrillCommand.parse(["--backend", "b2", "--dry-run", "--json"])
        _ = try DrillCommand.parse(["--backend", "b2", "--rate", "500", "--send", #"PING\r\n"#, "--expect", "+PONG"])
        for wrong in [
            [], ["/x", "--admin", "/y", "--backend", "b2"], ["--backend", "b2", "--mode", "slow"],
            ["--backend", "b2", "--rate", "101"], ["--backend", "b2", "--rate", "501", "--send", "x"],
            ["--backend", "b2", "--for", "2h"], ["--backend", "b2", "--send", #"\q"#],
            ["--backend", "b2", "--expect", ""],
        ] {
            #expect(throws: (any Error).self, "\(wrong)") { _ = try DrillCommand.parse(wrong) }
        }
    }
}
