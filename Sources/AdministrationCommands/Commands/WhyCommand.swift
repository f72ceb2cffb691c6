import AdministrationAPI
import AdministrationClient
import ArgumentParser
import CommandSupport
import Top

/// `balancer why ID`: tells what happened to a session.
public struct WhyCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Tell what happened to a session, and why: its backend, attempts, stalls and end.",
        discussion: """
            Of live sessions, and of the last 4,096 that have ended. The id stands in the log, and in the list of \
            `balancer sessions`.
            """)

    @Argument(
        help: ArgumentHelp("The session's id: 16 hexadecimal digits.", valueName: "id"), transform: SessionID.parse)
    var id: String

    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        let (story, json) = try reporting { () throws(Fault) in
            let asker = try administration.asker()
            let json = try asker.get(Target.why(id))
            return (try asker.read(SessionStory.self, from: json), json)
        }
        if output.json { return print(PrettyJSON.text(json)) }
        let output = Output()
        output.print(StoryText.lines(story, columns: output.columns ?? Output.standardColumns))
    }
}

/// The id of a session as an argument.
enum SessionID {
    /// Checks its form. The balancer writes ids in lower case.
    static func parse(_ text: String) throws(ArgumentFault) -> String {
        let digits = 16
        guard text.utf8.count == digits, text.allSatisfy(\.isHexDigit) else {
            throw ArgumentFault("an id of \(digits) hexadecimal digits is needed: `balancer sessions` lists them")
        }
        return text.lowercased()
    }
}
