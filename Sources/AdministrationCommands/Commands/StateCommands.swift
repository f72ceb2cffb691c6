import AdministrationAPI
import ArgumentParser
import CommandSupport
import Top

/// `balancer maintain b2`: a backend is taken out.
public struct MaintainCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "maintain",
        abstract: "Send a backend no new sessions, and make no checks of it; the sessions that it has go on.",
        discussion: "`balancer ready` lets it back in, and checks begin again.")

    @OptionGroup var backend: BackendArgument
    @OptionGroup var change: ChangeOptions
    @OptionGroup var time: TimedOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        try StateChange.backend(
            backend.backend, "maintain", change, time, output, administration, fate: ChangeText.goesOn)
    }
}

/// `balancer ready b2`: what `drain` and `maintain` have done is over.
public struct ReadyCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "ready",
        abstract: "Let a backend back in that was drained or maintained.",
        discussion: "It gets new sessions when its checks say that it is up.")

    @OptionGroup var backend: BackendArgument
    @OptionGroup var change: ChangeOptions
    @OptionGroup var time: TimedOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        try StateChange.backend(backend.backend, "ready", change, time, output, administration)
    }
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
    @OptionGroup var change: ChangeOptions
    @OptionGroup var time: TimedOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        try StateChange.listener(
            listener.listener, "paused", change, time, output, administration, fate: ChangeText.goesOn)
    }
}

/// `balancer resume web`: a listener accepts again.
public struct ResumeCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Accept clients again at a listener that was paused.")

    @OptionGroup var listener: ListenerArgument
    @OptionGroup var change: ChangeOptions
    @OptionGroup var time: TimedOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        try StateChange.listener(listener.listener, "open", change, time, output, administration)
    }
}

/// Another state of a backend or of a listener.
private enum StateChange {
    static func backend(
        _ word: String, _ state: String, _ change: ChangeOptions, _ time: TimedOptions, _ output: OutputOptions,
        _ administration: AdministrationOptions, fate: (Change) -> String? = { _ in nil }
    ) throws {
        try Changing.run(administration, output, fate: fate) { (asker) throws(Fault) in
            let reference = try Names(try asker.status()).backend(word)
            return ChangeRequest("POST", Target.state(of: reference), wish(state, change, time))
        }
    }

    static func listener(
        _ name: String, _ state: String, _ change: ChangeOptions, _ time: TimedOptions, _ output: OutputOptions,
        _ administration: AdministrationOptions, fate: (Change) -> String? = { _ in nil }
    ) throws {
        try Changing.run(administration, output, fate: fate) { (asker) throws(Fault) in
            let name = try Names(try asker.status()).listener(name)
            return ChangeRequest("POST", "\(Target.listener(name))/state", wish(state, change, time))
        }
    }

    private static func wish(_ state: String, _ change: ChangeOptions, _ time: TimedOptions) -> StateWish {
        StateWish(state: state, forSeconds: time.seconds, dryRun: change.dryRun ? true : nil)
    }
}
