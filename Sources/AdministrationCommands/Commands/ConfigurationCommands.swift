import AdministrationAPI
import AdministrationClient
import ArgumentParser
import CommandSupport

/// `balancer reload`: the configuration file is read again.
public struct ReloadCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Let a running balancer read its configuration file again, as SIGHUP does.",
        discussion: "With mistakes in the file nothing changes. With --dry-run it does what `balancer diff` does.")

    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        if change.dryRun { return try DiffCommand.show(administration, output) }
        try Changing.run(administration, output, fate: { _ in "are concerned" }) { (_) throws(Fault) in .reload }
    }
}

/// `balancer diff`: what a reload would change.
public struct DiffCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Tell what a reload of the configuration file would change in a running balancer.",
        discussion: "Prints a sentence for each change, and a summary; exit code 0 whether there are changes or not.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        try Self.show(administration, output)
    }

    static func show(_ administration: AdministrationOptions, _ output: OutputOptions) throws {
        let (difference, json) = try reporting { () throws(Fault) in
            let asker = try administration.asker()
            let json = try asker.get(Target.difference)
            return (try asker.read(ConfigurationDifference.self, from: json), json)
        }
        if output.json { return print(PrettyJSON.text(json)) }
        for line in difference.changes + [difference.summary] { print(ErrorText.line(line)) }
    }
}

/// `balancer config --running`: the configuration of a running balancer.
public enum RunningConfiguration {
    /// Prints the configuration with all defaults written out, as a file.
    ///
    /// - Parameter words: `--admin`, `--token-file` and `--timeout` with their values; a mistake in them is a usage
    ///   error.
    public static func show(_ words: [String]) throws {
        let administration: AdministrationOptions
        do {
            administration = try AdministrationOptions.parse(words)
        } catch {
            throw ValidationError("--running: \(AdministrationOptions.message(for: error))")
        }
        let text = try reporting { () throws(Fault) in try administration.asker().get(Target.configuration) }
        print(String(decoding: text, as: UTF8.self), terminator: text.last == UInt8(ascii: "\n") ? "" : "\n")
    }
}
