import ArgumentParser
import CommandSupport
import ConfigurationFile
import Glibc
import Reactor

/// The path of the configuration file.
struct ConfigurationPath: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The configuration file. (default: $BALANCER_CONFIG)", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var file: String?

    /// The path from the argument, or else from the environment.
    func chosen() throws -> String { try Self.chosen(file) }

    static func chosen(_ file: String?) throws -> String {
        if let file { return file }
        if let path = Environment.value("BALANCER_CONFIG"), !path.isEmpty { return path }
        throw ValidationError("no configuration file: give its path, or set BALANCER_CONFIG")
    }

    /// Prints all mistakes; returns the exit code.
    static func report(_ mistakes: Mistakes) -> ExitCode {
        complain(line: mistakes.description)
        return ExitCode(EX_CONFIG)
    }
}
