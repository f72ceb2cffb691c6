import AdministrationAPI
import AdministrationClient
import ArgumentParser
import Balancer
import CommandSupport
import Top

/// `balancer add web 10.0.0.4:80`: a new backend.
public struct AddCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a backend to a pool, until the next reload of a file that does not name it.",
        discussion: "  balancer add web 10.0.0.4:80 --name b4 --weight 2")

    @Argument(help: ArgumentHelp("The pool.", valueName: "pool"), completion: NameCompletion.pool)
    var pool: String

    @Argument(
        help: ArgumentHelp("Its address: 10.0.0.4:80, [::1]:80 or HOST:PORT.", valueName: "host:port"),
        completion: .host, transform: Self.parseAddress)
    var address: String

    @Option(help: ArgumentHelp("What it is called. (default: its address)", valueName: "name"))
    var name: String?

    private static let weights = NumberRange(0...Int(Limits.weightMax))

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Its share of the clients relative to the others'. (default: 1)", valueName: "number"),
        transform: weights.parse)
    var weight: Int?

    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        try Changing.run(administration, output) { (asker) throws(Fault) in
            let pool = try Names(try asker.status()).pool(self.pool)
            let backend = NewBackend(address: address, name: name, weight: weight, dryRun: change.dryRun ? true : nil)
            return ChangeRequest("POST", Target.backends(of: pool), backend)
        }
    }

    private static func parseAddress(_ text: String) throws(ArgumentFault) -> String {
        _ = try HostPort.list([text])
        return text
    }
}

/// `balancer remove b2`: a backend leaves its pool.
public struct RemoveCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a backend from its pool, until the next reload of a file that names it.",
        discussion: """
            Its sessions go on or end as `when_removed` of its pool says. With --wait it is drained first, and \
            removed when it has no session any more; when the time is over before that, the exit code is 1, and it \
            stays drained. The next reload of a file that names it brings it back: remove it there too.
            """)

    @OptionGroup var backend: BackendArgument

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Drain it, and remove it when it has no sessions, at most so much later; without a duration as long as "
                + "it takes.",
            valueName: "duration"),
        transform: WaitTime.parse)
    var wait: WaitTime?

    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        try Changing.run(
            administration, output, fate: { _ in "on it" },
            remark: "the next reload of a file that names it brings it back"
        ) { (asker) throws(Fault) in
            let status = try asker.status()
            let reference = try Names(status).backend(backend.backend)
            if let wait, !change.dryRun { try drain(reference, wait, asker, since: status) }
            return ChangeRequest(deleting: Target.backend(reference), isDryRun: change.dryRun)
        }
    }

    private func drain(
        _ reference: BackendReference, _ time: WaitTime, _ asker: any Asker, since status: Status
    ) throws(Fault) {
        let answer = try asker.change(ChangeRequest("POST", Target.state(of: reference), StateWish(state: "drain")))
        // With --json there is one value: that of the removal.
        if !output.json { Changing.show(answer, output, fate: ChangeText.goesOn) }
        let left = try Emptying(asker, reference, since: status).wait(time)
        guard left == 0 else {
            throw Fault("\(Emptying.fault(reference, sessions: left, after: time).text); it is drained and not removed")
        }
    }
}
