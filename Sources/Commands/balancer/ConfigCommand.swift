import AdministrationCommands
import ArgumentParser
import Balancer
import CommandSupport
import ConfigurationFile
import Reactor

/// `balancer config`: prints configuration files, and the schema of them.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print the configuration file that says the same as a one-line command.",
        usage: """
            balancer config --listen ADDRESS:PORT HOST:PORT [HOST:PORT ...] [options of run]
            balancer config SOURCE_IP HOST PORT [HOST PORT ...] [options of serve]
            balancer config --full FILE
            balancer config --schema
            balancer config --running [--admin PATH]
            """,
        discussion: """
            balancer config --listen 0.0.0.0:5432 db1:5432 db2:5432 >balancer.yaml
              balancer run balancer.yaml

            Options of `config` itself come first. Names are not looked up.
            """)

    @Option(
        help: ArgumentHelp(
            "Print a file with every key, also those that it leaves out, and where each value comes from.",
            valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var full: String?

    @Flag(help: "Print the JSON Schema of configuration files, for editors.")
    var schema = false

    @Flag(help: "Print the configuration of a running balancer; --admin, --token-file and --timeout may follow.")
    var running = false

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The one-line command: --listen or SOURCE_IP, backends, options.", valueName: "arguments"))
    var line: [String] = []

    func validate() throws {
        let forms = [full != nil, schema, running, !running && !line.isEmpty].count { $0 }
        if line.contains("--help") || line.contains("-h") { throw CleanExit.helpRequest(self) }
        guard forms == 1 else {
            throw ValidationError(
                forms == 0
                    ? "nothing to print: give --listen ADDRESS:PORT and backends, or SOURCE_IP and backends, --full FILE, "
                        + "--schema, or --running"
                    : "--full FILE, --schema, --running and a one-line command exclude each other: give one of them")
        }
    }

    func run() throws {
        if running { return try RunningConfiguration.show(line) }
        let limit = Startup.prepare()
        if schema {
            print(JSONSchema.text, terminator: "")
        } else if let full {
            do throws(Mistakes) {
                print(try Document.read(full).fullText, terminator: "")
            } catch {
                throw ConfigurationPath.report(error)
            }
        } else {
            print(try Self.text(of: line, Resources(descriptors: limit, memory: MemoryLimit.all())), terminator: "")
        }
    }

    /// The file for the arguments of the one-line command; a mistake in them is its usage error.
    static func text(of line: [String], _ resources: Resources) throws -> String {
        if line.contains(where: { $0 == "--listen" || $0.hasPrefix("--listen=") }),
            let oneLine = try RunCommand.parse(line).oneLine()
        {
            return Document.text(of: try RunCommand.configuration(oneLine, resources), sessionsMax: nil)
        }
        let command = try ServeCommand.parse(line)
        let configuration = try command.makeConfiguration(resources, HandedSockets(), looksUp: false)
        return Document.text(of: configuration, sessionsMax: command.sessions.sessionsMax)
    }
}
