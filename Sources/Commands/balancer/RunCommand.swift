import ArgumentParser
import Balancer
import CommandSupport
import ConfigurationFile
import Glibc
import Reactor

/// `balancer run FILE`: serves as a configuration file says.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Balance clients as a configuration file says.",
        discussion: """
            The file is YAML; docs/configuration.md has every key. `balancer check` finds its mistakes, and `balancer \
            config SOURCE_IP HOST PORT` prints one that says the same as the one-line command. With mistakes in the file \
            the exit code is 78, and nothing is served. After SIGHUP the file is read again, and what has changed is taken \
            over without ending a session; with mistakes in it nothing changes. A backend's name that has no address is looked up again and \
            again; the backend is down until it has one.
            """)

    @OptionGroup var path: ConfigurationPath

    func run() throws {
        let file = try path.chosen()
        let limit = Serving.prepare()
        let sockets: [InheritedSocket]
        do throws(SocketActivationError) {
            sockets = try SocketActivation.takeSockets()
        } catch {
            complain("balancer", error.description)
            throw ExitCode(EX_CONFIG)
        }
        let resources = Resources(
            descriptors: limit, memory: MemoryLimit.all(), sockets: sockets, statusSocket: StatusPath.chosen(nil))
        let document: Document
        let configuration: Configuration
        do throws(Mistakes) {
            document = try Document.read(file)
            configuration = try document.configuration(resources)
        } catch {
            throw ConfigurationPath.report(error)
        }
        let pools = PoolDiscoverer()
        let reader = ConfigurationReader(file, resources, pools)
        try Serving.run(configuration, descriptors: limit, resources.memory, readAgain: { reader.begin($0) }) {
            control in
            pools.update(document, configuration, control)
            pools.waitForFirstAnswers()
        }
    }
}

/// `balancer check FILE`: finds the mistakes of a configuration file.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find all mistakes of a configuration file; exit code 0 when there is none, and 78 otherwise.",
        discussion: """
            Checks what `balancer run` would check, on this machine and with this environment: files that are included, \
            variables, users and groups. It opens no socket and looks up no name.
            """)

    @OptionGroup var path: ConfigurationPath

    func run() throws {
        let file = try path.chosen()
        let limit = Startup.prepare()
        let document: Document
        do throws(Mistakes) {
            document = try Document.read(file)
            try document.check(Resources(descriptors: limit, memory: MemoryLimit.all()))
        } catch {
            throw ConfigurationPath.report(error)
        }
        print("\(ErrorText.line(file)): ok: \(document.summary)")
    }
}

/// The path of the configuration file.
struct ConfigurationPath: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The configuration file. (default: $BALANCER_CONFIG)", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var file: String?

    /// The path from the argument, or else from the environment.
    func chosen() throws -> String {
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
