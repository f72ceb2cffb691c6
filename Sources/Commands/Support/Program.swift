import ArgumentParser

extension ParsableCommand {
    /// Parses the program's arguments and runs its command. Every mistake in them is an error message that names the
    /// argument and the remedy, and exit code 64.
    ///
    /// - Parameter repeatable: The options that may be given several times.
    public static func start(repeatable: Set<String> = []) {
        let line = ArgumentLine(Array(CommandLine.arguments.dropFirst()))
        do {
            if let fault = line.unknownHelp(of: self) { throw ValidationError(fault) }
            var command = try parse(line)
            if let option = line.repeatedOption(besides: repeatable) {
                throw ValidationError("\(option) is given twice: give it once")
            }
            try command.run()
        } catch {
            exit(withError: error)
        }
    }

    private static func parse(_ line: ArgumentLine) throws -> ParsableCommand {
        do {
            return try parseAsRoot(line.arguments)
        } catch {
            // The parser may name an argument that is missing where an option is misspelt.
            guard exitCode(for: error) == .validationFailure,
                let fault = line.unknownOption(of: self, unless: message(for: error))
            else { throw error }
            throw ValidationError(fault)
        }
    }
}

/// The arguments as they were given, for mistakes that the parser does not find or does not name.
struct ArgumentLine {
    let arguments: [String]
    /// Those before `--`, after which nothing is an option.
    private let mayBeOptions: ArraySlice<String>

    init(_ arguments: [String]) {
        self.arguments = arguments
        mayBeOptions = arguments.prefix { $0 != "--" }
    }

    /// The name of an option that is given more than once. Only for a line that was parsed: each option in it exists.
    func repeatedOption(besides repeatable: Set<String>) -> String? {
        var seen: Set<String> = []
        return mayBeOptions.lazy.filter { $0.hasPrefix("--") }.map(Self.name)
            .first { !repeatable.contains($0) && !seen.insert($0).inserted }
    }

    /// What is wrong with the arguments of `help`: the parser shows the program's help for any word.
    func unknownHelp(of program: any ParsableCommand.Type) -> String? {
        let subcommands = program.configuration.subcommands
        guard arguments.first == "help", !subcommands.isEmpty else { return nil }
        let names = subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
        let words = arguments.dropFirst().filter { !$0.hasPrefix("-") }
        guard let word = words.first(where: { !names.contains($0) }) ?? words.dropFirst().first else { return nil }
        return "'help \(words.joined(separator: " "))': there is no command '\(word)' to show the help of; "
            + "give one of \(names.joined(separator: ", ")), or none"
    }

    /// What is wrong with the first option that the program does not have; nil when there is none, or when `message`
    /// already names it.
    func unknownOption(of program: any ParsableCommand.Type, unless message: String) -> String? {
        let known = Self.options(of: program)
        for (place, argument) in mayBeOptions.enumerated() where argument.hasPrefix("-") && argument != "-" {
            // The value of the option before it, which the parser has judged.
            if place > 0, mayBeOptions[place - 1].hasPrefix("--"), !mayBeOptions[place - 1].contains("=") { continue }
            if argument.hasPrefix("--") {
                let name = Self.name(argument)
                guard !known.contains(name), !message.contains("'\(name)'") else { continue }
                return "unknown option '\(name)': `--help` lists the options"
            }
            if argument == "-h" { continue }
            if argument.dropFirst().allSatisfy(\.isNumber) {
                return "'\(argument)' is neither an option nor a port: a port is a number from \(Port.range)"
            }
            return "unknown option '\(argument)': options are written out, such as --version or --help; "
                + "an argument that begins with '-' goes after '--'"
        }
        return nil
    }

    private static func name(_ argument: String) -> String { String(argument.prefix { $0 != "=" }) }

    /// The long options of all commands, which the parser tells only in its help texts.
    private static func options(of program: any ParsableCommand.Type) -> Set<String> {
        let texts = ([program] + program.configuration.subcommands).map { $0.helpMessage(includeHidden: true) }
        let words = texts.joined(separator: " ").split { !($0.isLetter || $0 == "-") }
        return Set(words.filter { $0.hasPrefix("--") }.map(String.init))
            .union(["--generate-completion-script", "--experimental-dump-help"])
    }
}
