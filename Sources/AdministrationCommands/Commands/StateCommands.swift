import AdministrationAPI
import ArgumentParser
import CommandSupport

/// `balancer maintain b2`: a backend is taken out.
public struct MaintainCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "maintain",
        abstract: "Send a backend no new sessions, and make no checks of it; the sessions that it has go on.",
        discussion: "`balancer ready` lets it back in, and checks begin again.")

    @OptionGroup var backend: BackendArgument
    @OptionGroup var options: StateOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws { try options.set("maintain", fate: ChangeText.goesOn, of: backend.state) }
}

/// `balancer ready b2`: what `drain` and `maintain` have done is over.
public struct ReadyCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "ready",
        abstract: "Let a backend back in that was drained or maintained.",
        discussion: "It gets new sessions when its checks say that it is up.")

    @OptionGroup var backend: BackendArgument
    @OptionGroup var options: StateOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws { try options.set("ready", of: backend.state) }
}

/// `balancer pause web`: a listener accepts nobody.
public struct PauseCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Accept no new clients at a listener; its socket stays, and its sessions go on.",
        discussion: "New clients wait in the kernel's queue until `balancer resume`, and are refused when that is full."
    )

    @OptionGroup var listener: ListenerArgument
    @OptionGroup var options: StateOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws { try options.set("paused", fate: ChangeText.goesOn, of: listener.state) }
}

/// `balancer resume web`: a listener accepts again.
public struct ResumeCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Accept clients again at a listener that was paused.")

    @OptionGroup var listener: ListenerArgument
    @OptionGroup var options: StateOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws { try options.set("open", of: listener.state) }
}

/// The options of commands that set the state of a backend or of a listener.
struct StateOptions: ParsableArguments {
    @OptionGroup var change: ChangeOptions
    @OptionGroup var time: TimedOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// The wish for a state, as the options have it.
    func wish(_ state: String) -> StateWish {
        StateWish(state: state, forSeconds: time.seconds, dryRun: change.dryRun ? true : nil)
    }

    /// Asks for a state, and prints what the balancer says.
    ///
    /// - Parameters:
    ///   - fate: What becomes of the sessions that it concerns; nil where nothing does.
    ///   - subject: The target of the state, when the balancer's names are known.
    func set(
        _ state: String, fate: (Change) -> String? = { _ in nil }, of subject: (Names) throws(Fault) -> String
    ) throws {
        Startup.prepare()
        try Changing.run(administration, output, fate: fate) { (asker) throws(Fault) in
            ChangeRequest("POST", try subject(Names(try asker.status())), wish(state))
        }
    }
}
