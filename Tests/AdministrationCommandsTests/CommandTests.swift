import AdministrationAPI
import AdministrationClient
import ArgumentParser
import Testing
import Top

@testable import AdministrationCommands

@Suite("Commands of administration") struct CommandTests {
    private static let web2 = BackendReference(pool: "web", backend: "b2")

    /// A status in which web/b2 is drained and has so many sessions.
    private func drained(_ sessions: Int, state: String = "drain") -> Status {
        sampleStatus { status in
            status.pools[0].backends[1].state = state
            status.pools[0].backends[1].sessions = sessions
        }
    }

    /// A wait for web/b2, of which a balancer says so.
    private func emptying(_ statuses: [Status]) -> Emptying {
        Emptying(FakeAsker(statuses), Self.web2, since: drained(5))
    }

    @Test("a wait ends when the last session has ended")
    func empties() throws {
        let asker = FakeAsker([drained(2), drained(1), drained(0)])
        #expect(try Emptying(asker, Self.web2, since: drained(5)).wait(WaitTime(limit: nil)) == 0)
        #expect(asker.asked.count == 3)
    }

    @Test("a wait whose time is over says how many sessions are left")
    func timeOver() throws {
        #expect(try emptying([drained(5)]).wait(WaitTime(limit: .milliseconds(1))) == 5)
    }

    @Test("of a backend that has gone, or of another process, a wait does not say that it has no sessions")
    func gone() throws {
        let gone = BackendReference(pool: "web", backend: "b9")
        #expect(throws: Fault.self) {
            try Emptying(FakeAsker([drained(5)]), gone, since: drained(5)).wait(WaitTime(limit: nil))
        }
        var restarted = drained(0)
        restarted.pid += 1
        // At once, and also when it was started anew before the first question.
        for statuses in [[drained(5), restarted], [restarted]] {
            let start = ContinuousClock.now
            let fault = #expect(throws: Fault.self) { try emptying(statuses).wait(WaitTime(limit: nil)) }
            #expect(fault?.reason.contains("started anew") == true)
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test("a wait is in vain when somebody lets the backend back in, or nobody answers until its end")
    func inVain() {
        for sessions in [5, 0] {
            #expect(throws: Fault.self) {
                try emptying([drained(5), drained(sessions, state: "up")]).wait(WaitTime(limit: nil))
            }
        }
        #expect(throws: Fault.self) { try emptying([]).wait(WaitTime(limit: .milliseconds(1))) }
    }

    @Test("a wish is sent as the API has it")
    func wishes() throws {
        let change = Change(subject: "backend web/b2", old: "up", new: "drain", sessions: 3, isDryRun: false)
        let asker = FakeAsker([sampleStatus()], change: change)
        let request = ChangeRequest(
            "POST", Target.state(of: Self.web2), StateWish(state: "drain", forSeconds: 600, dryRun: true))
        #expect(try asker.change(request).change == change)
        #expect(
            asker.asked == [#"POST /v1/pools/web/backends/b2/state {"dry_run":true,"for_seconds":600,"state":"drain"}"#]
        )
        #expect(
            ChangeRequest(deleting: Target.sessions, [("backend", "b2"), ("pool", "web")], isDryRun: true).target
                == "/v1/sessions?backend=b2&pool=web&dry_run=yes")
    }

    @Test(
        "right arguments are taken",
        arguments: [
            ["status"], ["status", "/run/x.sock"], ["status", "--lines"],
            ["drain", "b2", "--wait", "60s", "--then-kill"],
            ["drain", "b2", "--wait=forever", "--for", "10m"], ["maintain", "web/b2", "--dry-run"],
            ["ready", "b2", "--json"],
            ["set", "weight", "b2", "50%"], ["set", "weight", "b2", "configured"],
            ["set", "sessions-max", "b2", "none"],
            ["set", "limit", "web", "per-client", "50", "--for", "1h"], ["add", "web", "10.0.0.4:80", "--name", "b4"],
            ["remove", "b2", "--wait", "1m"], ["kill", "9f3c5b1e00a2d417"], ["kill", "--backend", "b2", "--dry-run"],
            ["pause", "web"], ["resume", "web"], ["reload"], ["diff"], ["events", "-f"],
            ["events", "--follow", "--json"],
            ["sessions", "--backend", "b2", "--client", "10.0.0.0/8", "--older", "1h", "--idle", "5m", "--stalled"],
            ["why", "9F3C5B1E00A2D417"], ["top", "--admin", "127.0.0.1:9000", "--token-file", "/x", "--timeout", "5s"],
        ])
    func right(arguments: [String]) {
        #expect(throws: Never.self) { try Program.parseAsRoot(arguments) }
    }

    @Test(
        "wrong arguments are refused before anything is asked",
        arguments: [
            ["status", "/x", "--admin", "/y"], ["status", "--lines", "--json"], ["drain"],
            ["drain", "b2", "--then-kill"],
            ["drain", "b2", "--wait=forever", "--then-kill"], ["drain", "b2", "--wait", "soon"],
            ["drain", "b2", "--for", "0s"],
            ["set", "weight", "b2"], ["set", "weight", "b2", "-1"], ["set", "weight", "b2", "x%"],
            ["set", "size", "b2", "1"],
            ["set", "limit", "web", "50"], ["set", "sessions-max", "b2", "0"], ["add", "web", "10.0.0.4"], ["kill"],
            ["kill", "9f3c5b1e00a2d417", "--backend", "b2"], ["kill", "xyz"], ["why", "12"],
            ["sessions", "--limit", "0"],
            ["top", "--admin", "127.0.0.1:0"],
        ])
    func wrong(arguments: [String]) {
        #expect(throws: (any Error).self) { try Program.parseAsRoot(arguments) }
    }

    @Test("completion finds --admin on the line that is typed")
    func completion() {
        #expect(NameCompletion.option("--admin", in: ["balancer", "drain", "--admin", "/x", ""]) == "/x")
        #expect(NameCompletion.option("--admin", in: ["balancer", "--admin=/y", "drain"]) == "/y")
        #expect(NameCompletion.option("--admin", in: ["balancer", "--admin"]) == nil)
    }
}

/// The program, as far as it is administration.
private struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balancer",
        subcommands: [
            StatusCommand.self, TopCommand.self, SessionsCommand.self, WhyCommand.self, KillCommand.self,
            DrainCommand.self,
            MaintainCommand.self, ReadyCommand.self, SetCommand.self, AddCommand.self, RemoveCommand.self,
            PauseCommand.self,
            ResumeCommand.self, ReloadCommand.self, DiffCommand.self, EventsCommand.self,
        ])
}
