import ArgumentParser
import Glibc

extension ParsableCommand {
    /// Parses the program's arguments and runs its command. Every mistake in them is an error message that names the
    /// argument and the remedy, and exit code 64. Standard output that cannot be written is an error too.
    ///
    /// - Parameters:
    ///   - repeatable: The options that may be given several times.
    ///   - optional: The options whose value may be left out: a duration, or one of these words, of which the first is
    ///     the value then.
    ///   - surplus: What to do about more arguments than there is room for; it gets all arguments that are no options.
    public static func start(
        repeatable: Set<String> = [], optional: [String: [String]] = [:], surplus: ([String]) -> String? = { _ in nil }
    ) {
        let line = ArgumentLine(Array(CommandLine.arguments.dropFirst()))
        if let fault = line.unknownHelp(of: self) { end(ValidationError(fault)) }
        var command: ParsableCommand
        do {
            command = try parseAsRoot(line.completed(optional))
        } catch {
            guard exitCode(for: error) == .validationFailure else { end(error) }
            end(error, saying: line.explain(message(for: error), of: self, surplus))
        }
        do {
            if let option = line.repeatedOption(besides: repeatable) {
                throw ValidationError("\(option) is given twice: give it once")
            }
            try command.run()
            end(ExitCode.success)
        } catch {
            end(error)
        }
    }

    /// Ends the program with the text and the exit code that belong to an error, of which help and version are two.
    ///
    /// - Parameter replacement: The message to print instead of the error's own.
    private static func end(_ error: any Error, saying replacement: String? = nil) -> Never {
        let text = fullMessage(for: error)
        let code = exitCode(for: error)
        let isOutput = code.isSuccess && !text.isEmpty
        if isOutput { print(text) }
        StandardOutput.flush()
        if let errno = StandardOutput.fault {
            complain(_commandName, "standard output: \(errno)")
            Glibc.exit(ExitCode.outputError.rawValue)
        }
        if !isOutput, !text.isEmpty { complain(line: fit(text, message(for: error), replacement)) }
        Glibc.exit(code.rawValue)
    }

    /// The text of an error, in which its message may be replaced and is fit to be shown.
    private static func fit(_ text: String, _ message: String, _ replacement: String?) -> String {
        guard !message.isEmpty, let place = text.firstRange(of: message) else { return text }
        let start = text[..<place.lowerBound]
        let rest = text[place.upperBound...]
        if let replacement {
            // The help that may follow is about what the parser has named.
            let usage = rest.firstRange(of: "\nUsage:")?.lowerBound ?? rest.startIndex
            return start + ErrorText.line(replacement) + rest[usage...]
        }
        // Lines of the parser's own, unlike those of an argument, are joined.
        let isBroken = CommandLine.arguments.contains { $0.contains("\n") }
        let line = isBroken ? message : message.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return start + ErrorText.line(message.contains("\n") ? line : message) + rest
    }
}
