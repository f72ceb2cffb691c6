import AdministrationAPI
import ArgumentParser
import CommandSupport
import Reactor
import Top

/// `balancer drain b2`: no new sessions for a backend.
public struct DrainCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Send a backend no new sessions; those that it has go on.",
        discussion: """
            `balancer ready` lets it back in. With --wait the command ends when the backend has no session any more, \
            with exit code 0; with 1 when the time is over before that. --then-kill ends what is left then.

              balancer drain b2 --wait 60s
              balancer drain web/b2 --for 10m
            """)

    @OptionGroup var backend: BackendArgument

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Wait until it has no sessions, at most so long; without a duration as long as it takes.",
            valueName: "duration"),
        transform: WaitTime.parse)
    var wait: WaitTime?

    @Flag(help: "With --wait: end the sessions that are left when the time is over.")
    var thenKill = false

    @OptionGroup var change: ChangeOptions
    @OptionGroup var time: TimedOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Checks what the parser cannot.
    public func validate() throws {
        if thenKill, wait?.limit == nil {
            throw ValidationError("--then-kill ends sessions when a time is over: give the time, as with --wait 60s")
        }
    }

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        try reporting { () throws(Fault) in
            let asker = try administration.asker(changes: true)
            let reference = try Names(try asker.status()).backend(backend.backend)
            let wish = StateWish(state: "drain", forSeconds: time.seconds, dryRun: change.dryRun ? true : nil)
            let request = ChangeRequest("POST", Target.state(of: reference), wish)
            Changing.show(try asker.change(request), output, fate: ChangeText.goesOn)
            guard let wait, !change.dryRun else { return }
            try self.wait(wait, for: reference, asker)
        }
    }

    private func wait(_ time: WaitTime, for reference: BackendReference, _ asker: some Asker) throws(Fault) {
        let left = try Emptying(asker, reference).wait(time)
        guard left > 0 else {
            if !output.json { print("backend \(ErrorText.line(reference.description)): no sessions are left") }
            return
        }
        guard thenKill else { throw Emptying.fault(reference, sessions: left, after: time) }
        let request = ChangeRequest(
            deleting: Target.sessions, [("backend", reference.backend), ("pool", reference.pool)], isDryRun: false)
        Changing.show(try asker.change(request), output, fate: ChangeText.ends)
        let rest = try Emptying(asker, reference).wait(WaitTime(limit: Self.killTime))
        guard rest == 0 else { throw Emptying.fault(reference, sessions: rest, after: WaitTime(limit: Self.killTime)) }
    }

    /// How long sessions that were told to end may take for that.
    private static let killTime: Duration = .seconds(5)
}
