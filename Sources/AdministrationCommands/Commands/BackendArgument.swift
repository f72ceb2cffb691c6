import AdministrationClient
import ArgumentParser

/// The backend that a command is about.
struct BackendArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The backend: its name (b2) or address where that is unique, or pool and name (web/b2).",
            valueName: "backend"),
        completion: NameCompletion.backend)
    var backend: String

    /// The target of its state.
    func state(_ names: Names) throws(Fault) -> String { Target.state(of: try names.backend(backend)) }
}

/// The listener that a command is about.
struct ListenerArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("The listener's name.", valueName: "listener"), completion: NameCompletion.listener)
    var listener: String

    /// The target of its state.
    func state(_ names: Names) throws(Fault) -> String {
        Target.state(of: Target.listener(try names.listener(listener)))
    }
}
