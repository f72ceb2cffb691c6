import ArgumentParser

/// What a command takes. The parser tells it only in its help text.
struct CommandHelp {
    /// How it is called: `balancer status`.
    let call: String
    /// Its options, `--timeout` and `-f`.
    private(set) var options: [String] = []
    /// Those of them that are followed by a value.
    private(set) var valued: Set<String> = []
    /// Its arguments, without the brackets: `path`.
    private(set) var arguments: [String] = []

    /// Wide enough that no entry is wrapped before its text.
    private static let columns = 200

    /// Reads the help text of a program, or of one of its commands.
    init(of program: any ParsableCommand.Type, _ command: (any ParsableCommand.Type)? = nil) {
        call = program._commandName + (command.map { " \($0._commandName)" } ?? "")
        let text =
            command.map { program.helpMessage(for: $0, includeHidden: true, columns: Self.columns) }
            ?? program.helpMessage(includeHidden: true, columns: Self.columns)
        for line in text.split(separator: "\n") {
            if line.hasPrefix("  <") {
                arguments.append(String(line.dropFirst(3).prefix { $0 != ">" }))
            } else if line.hasPrefix("  -") {
                add(line)
            }
        }
    }

    /// `  -h, --help    Show help information.` or `  --port <port>    The port to listen on`
    private mutating func add(_ line: Substring) {
        let entry = line.dropFirst(2).firstRange(of: "  ").map { line.dropFirst(2)[..<$0.lowerBound] } ?? line
        let words = entry.split { $0 == " " || $0 == "," }
        for word in words where word.hasPrefix("-") && word != "-h" {
            options.append(String(word))
            if words.contains(where: { $0.hasPrefix("<") }) { valued.insert(String(word)) }
        }
    }
}
