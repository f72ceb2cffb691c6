import ArgumentParser

/// The arguments as they were given, for mistakes that the parser does not find, does not name, or has no remedy for.
struct ArgumentLine {
    let arguments: [String]
    /// Those before `--`, after which nothing is an option.
    private let mayBeOptions: ArraySlice<String>

    init(_ arguments: [String]) {
        self.arguments = arguments
        mayBeOptions = arguments.prefix { $0 != "--" }
    }

    /// The arguments, in which the options of `optional` that lack their value have the first word given there: the parser
    /// knows no options with or without a value. What follows such an option is its value when it is one of the words, or of
    /// those that people try instead, or looks like a duration.
    func completed(_ optional: [String: [String]]) -> [String] {
        arguments.enumerated().map { place, argument in
            guard place < mayBeOptions.endIndex, let words = optional[argument] else { return argument }
            let next = place + 1 < arguments.count ? arguments[place + 1] : ""
            let number = next.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            let unit = next.dropFirst(number.count)
            let isDuration = !number.isEmpty && !unit.isEmpty && unit.allSatisfy(\.isLetter)
            let isWord = (words + Self.wordsTried).contains(next.lowercased())
            return isDuration || isWord ? argument : "\(argument)=\(words[0])"
        }
    }

    /// Taken for values of an option, so that the message names it. No host is called so.
    private static let wordsTried = ["on", "none", "never", "yes", "no", "true", "false"]

    /// The name of an option that is given more than once. Only for a line that was parsed: each option in it exists.
    func repeatedOption(besides repeatable: Set<String>) -> String? {
        var seen: Set<String> = []
        return mayBeOptions.lazy.filter { $0.hasPrefix("--") }.map(Self.name)
            .first { !repeatable.contains($0) && !seen.insert($0).inserted }
    }

    /// What is wrong with the arguments of `help`: the parser shows the program's help for any word.
    func unknownHelp(of program: any ParsableCommand.Type) -> String? {
        let names = Self.commandNames(of: program)
        guard arguments.first == "help", !names.isEmpty else { return nil }
        let words = arguments.dropFirst().filter { !$0.hasPrefix("-") }
        guard let word = words.first(where: { !names.contains($0) }) ?? words.dropFirst().first else { return nil }
        return "'help \(words.joined(separator: " "))': there is no command '\(word)' to show the help of; "
            + "give one of \(names.joined(separator: ", ")), or none"
    }

    /// A better message than the parser's; nil when that one has place and remedy.
    func explain(
        _ message: String, of program: any ParsableCommand.Type, _ surplus: ([String]) -> String?
    ) -> String? {
        let command = command(of: program)
        let help = CommandHelp(of: program, command)
        // The parser may name an argument that is missing where an option is misspelt, so options come first.
        if let fault = unknownOption(of: program, help) { return fault }
        // The parser's words for one and for several; its errors are not public. With others its message stays as it is.
        guard message.contains("nexpected argument") else { return nil }
        let words = words(besidesValuesOf: help)
        return "\(message): " + (surplus(words) ?? tooMany(words, of: program, help, command))
    }

    /// The command that the arguments name, or else the default one; nil in a program without commands, and for `help`.
    private func command(of program: any ParsableCommand.Type) -> (any ParsableCommand.Type)? {
        let configuration = program.configuration
        if mayBeOptions.first == "help" { return nil }
        return configuration.subcommands.first { $0._commandName == mayBeOptions.first }
            ?? configuration.defaultSubcommand
    }

    // MARK: options

    /// What is wrong with the first option that the command does not have; nil when there is none.
    private func unknownOption(of program: any ParsableCommand.Type, _ help: CommandHelp) -> String? {
        for (place, argument) in mayBeOptions.enumerated() where argument.hasPrefix("-") && argument != "-" {
            // The value of the option before it, which the parser has judged.
            if place > 0, help.valued.contains(mayBeOptions[place - 1]) { continue }
            let name = Self.name(argument)
            if argument == "-h" || help.options.contains(name) || name.hasPrefix("--generate-completion-script")
                || name == "--experimental-dump-help"
            {
                continue
            }
            if argument.dropFirst().allSatisfy(\.isNumber) {
                return "'\(argument)' is neither an option nor a port: a port is a number from \(Port.range)"
            }
            return "unknown option '\(name)': \(remedy(name, program, help))"
        }
        return nil
    }

    private func remedy(_ name: String, _ program: any ParsableCommand.Type, _ help: CommandHelp) -> String {
        var remedies: [String] = []
        let word = String(name.drop { $0 == "-" })
        if help.arguments.contains(word) {
            remedies.append("<\(word)> is an argument, given without an option's name")
        } else if let owner = owner(of: name, in: program, besides: help) {
            remedies.append("it is an option of `\(owner)`")
        }
        // A letter alone resembles nothing.
        let question = word.count > 1 ? Suggestion.question(name, among: help.options) : nil
        if remedies.isEmpty, question == nil, !name.hasPrefix("--") {
            remedies.append("options are written out, such as --version or --help")
        }
        if question == nil, remedies.isEmpty || !name.hasPrefix("--"), !help.arguments.isEmpty {
            remedies.append("an argument that begins with '-' goes after '--'")
        }
        let list = "`\(help.call) --help` lists the options"
        guard let question else { return (remedies + [list]).joined(separator: "; ") }
        return (remedies + [question]).joined(separator: "; ") + " " + list
    }

    /// How the command is called that has an option which this one lacks.
    private func owner(
        of option: String, in program: any ParsableCommand.Type, besides help: CommandHelp
    ) -> String? {
        program.configuration.subcommands.lazy.filter { $0.configuration.shouldDisplay }
            .map { CommandHelp(of: program, $0) }
            .first { $0.call != help.call && $0.options.contains(option) }?.call
    }

    // MARK: arguments

    /// The arguments that are neither options nor their values.
    private func words(besidesValuesOf help: CommandHelp) -> [String] {
        var words = mayBeOptions.enumerated().filter { place, argument in
            !argument.hasPrefix("-") && !(place > 0 && help.valued.contains(mayBeOptions[place - 1]))
        }.map(\.element)
        words += arguments.dropFirst(mayBeOptions.count + 1)
        return words
    }

    /// What to do about an argument that a command has no room for.
    private func tooMany(
        _ words: [String], of program: any ParsableCommand.Type, _ help: CommandHelp,
        _ command: (any ParsableCommand.Type)?
    ) -> String {
        let names = Self.commandNames(of: program)
        let isNamed = command.map { $0._commandName == words.first } ?? false
        let rest = isNamed ? words.dropFirst() : words[...]
        if let other = rest.first(where: names.contains) {
            return "give one command at a time, such as `\(program._commandName) \(other)`"
        }
        if !isNamed, let word = rest.first, let question = Suggestion.question(word, among: names) {
            return "the commands are \(names.joined(separator: ", ")); \(question)"
        }
        guard !help.arguments.isEmpty else { return "`\(help.call)` takes options only; `--help` lists them" }
        let arguments = help.arguments.map { "<\($0)>" }.joined(separator: " ")
        return "`\(help.call)` takes no more than \(arguments): leave out the rest"
    }

    private static func name(_ argument: String) -> String { String(argument.prefix { $0 != "=" }) }

    /// The commands that a help text shows.
    private static func commandNames(of program: any ParsableCommand.Type) -> [String] {
        program.configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
    }
}
