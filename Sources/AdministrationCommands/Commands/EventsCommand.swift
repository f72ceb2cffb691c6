import AdministrationAPI
import AdministrationClient
import ArgumentParser
import CommandSupport
import Glibc
import Reactor

/// `balancer events`: what changed, when, and by whom.
public struct EventsCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Print the last events of a running balancer: health, drains, reloads, limits; the oldest first.",
        discussion: """
            One line each, like those of the log: time, level, event, what it is about, words. With -f new events \
            follow until Ctrl-C; a balancer that goes away is waited for. With -f and --json each line is an object.
            """)

    @Flag(name: [.customShort("f"), .customLong("follow")], help: "Go on with new events as they come.")
    var follow = false

    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        if follow { return try followEvents() }
        let (list, json) = try reporting { () throws(Fault) in
            let asker = try administration.asker()
            let json = try asker.get(Target.events)
            return (try asker.read(EventList.self, from: json), json)
        }
        if output.json { return print(PrettyJSON.text(json)) }
        for event in list.events { print(EventText.line(event)) }
    }

    private func followEvents() throws {
        // One answer first: of a balancer that does not run nothing can be followed.
        let asker = try reporting { () throws(Fault) in
            let asker = try administration.asker()
            _ = try asker.status()
            return asker
        }
        do throws(SystemCallError) {
            let result = try EventFollower.run(asker, isJSON: output.json)
            // A reader that has gone wants no more: that is no error.
            if let result, result.rawValue != EPIPE {
                throw SystemCallError(call: "write", subject: "standard output", errno: result)
            }
        } catch {
            throw failure("balancer", error)
        }
    }
}
