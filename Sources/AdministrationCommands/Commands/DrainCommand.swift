import AdministrationAPI
import AdministrationClient
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

    @OptionGroup var options: StateOptions

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
            let asker = try options.administration.asker()
            let status = try asker.status()
            let reference = try Names(status).backend(backend.backend)
            let answer = try asker.change(ChangeRequest("POST", Target.state(of: reference), options.wish("drain")))
            guard let wait, !options.change.dryRun else { return show(answer, ChangeText.goesOn) }
            try self.wait(wait, for: reference, asker, Emptying(asker, reference, since: status), after: answer)
        }
    }

    private typealias Answer = (change: Change, json: [UInt8])

    private func show(_ answer: Answer, _ fate: (Change) -> String?) {
        Changing.show(answer, options.output, fate: fate)
    }

    private func wait(
        _ time: WaitTime, for reference: BackendReference, _ asker: any Asker, _ emptying: Emptying,
        after answer: Answer
    ) throws(Fault) {
        // With --json there is one value, on every way out: that of the last change.
        let isJSON = options.output.json
        var last = answer
        defer { if isJSON { show(last, ChangeText.goesOn) } }
        if !isJSON { show(answer, ChangeText.goesOn) }
        let left = try emptying.wait(time)
        guard left > 0 else {
            if !isJSON { print("backend \(ErrorText.line(reference.description)): no sessions are left") }
            return
        }
        guard thenKill else { throw Emptying.fault(reference, sessions: left, after: time) }
        let request = ChangeRequest(
            deleting: Target.sessions, [("backend", reference.backend), ("pool", reference.pool)], isDryRun: false)
        last = try asker.change(request)
        if !isJSON { show(last, ChangeText.ends) }
        let rest = try emptying.wait(WaitTime(limit: Self.killTime))
        guard rest == 0 else { throw Emptying.fault(reference, sessions: rest, after: WaitTime(limit: Self.killTime)) }
    }

    /// How long sessions that were told to end may take for that.
    private static let killTime: Duration = .seconds(5)
}
