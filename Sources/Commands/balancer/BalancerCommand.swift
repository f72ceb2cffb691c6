import AdministrationCommands
import ArgumentParser
import CommandSupport

/// `balancer`: runs ``ServeCommand`` unless a subcommand is given.
@main struct BalancerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balancer",
        abstract: "A TCP load balancer that one command line sets up.",
        usage: """
            balancer SOURCE_IP HOST PORT [HOST PORT ...] [--port PORT] [options]
            balancer run FILE
            balancer run --listen ADDRESS:PORT HOST:PORT [HOST:PORT ...]
            balancer status | top | sessions | why ID | events | drain b2 | ready b2 | reload | ...
            balancer demo [--stay] [--fast]
            """,
        discussion: """
            Listens on SOURCE_IP, port 20000, and sends each client to the next of the backends, HOST PORT or \
            HOST:PORT, by round robin. Backends are probed every 5 s. `balancer serve --help` lists all options.

              balancer 127.0.0.1 127.0.0.1 8090 127.0.0.1 8091
              balancer run --listen 0.0.0.0:5432 db1:5432 db2:5432
              balancer run balancer.yaml
            """,
        version: version,
        subcommands: [
            ServeCommand.self, RunCommand.self, CheckCommand.self, ConfigCommand.self, DemoCommand.self,
            StatusCommand.self, TopCommand.self, SessionsCommand.self, WhyCommand.self, EventsCommand.self,
            DrainCommand.self, MaintainCommand.self, ReadyCommand.self, SetCommand.self, AddCommand.self,
            RemoveCommand.self, KillCommand.self, PauseCommand.self, ResumeCommand.self, ReloadCommand.self,
            DiffCommand.self, DrillCommand.self,
        ],
        defaultSubcommand: ServeCommand.self)

    static func main() {
        start(
            repeatable: RunCommand.repeatable,
            optional: OptionalValues.words.merging(["--busy-poll": LatencyOptions.words]) { own, _ in own })
    }
}
