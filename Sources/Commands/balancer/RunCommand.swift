import ArgumentParser
import Balancer
import CommandSupport
import ConfigurationFile
import Glibc
import Reactor

/// `balancer run FILE`, and without a file `balancer run --listen ADDRESS:PORT HOST:PORT ...`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Balance clients as a configuration file says, or one line.",
        usage: """
            balancer run [FILE]
            balancer run --listen ADDRESS:PORT HOST:PORT [HOST:PORT ...] [--source ADDRESS] [options]
            """,
        discussion: """
            balancer run balancer.yaml
              balancer run --listen 0.0.0.0:5432 db1:5432 db2:5432

            The file is YAML; docs/configuration.md has every key. `balancer check` finds its mistakes; with mistakes the \
            exit code is 78, and nothing is served. After SIGHUP, and when a file of networks has changed, the file is \
            read again, and what has changed is taken over without ending a session; with mistakes in it nothing \
            changes. `balancer config` with the arguments of the second form prints the file that says the same, for \
            whatever has no option here. Both forms log changes of health, and problems. A \
            backend's name that has no address is looked up again and again; the backend is down until it has one.
            """)

    @Argument(
        help: ArgumentHelp(
            "The configuration file (default: $BALANCER_CONFIG); with --listen the backends, HOST:PORT for each.",
            valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var words: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Listen on this address instead of reading a file; may be given several times.",
            discussion: """
                0.0.0.0:PORT for every IPv4 address, [::]:PORT for IPv6 and IPv4 (for IPv6 alone where the port has an \
                IPv4 address too). A range of ports is written 10.0.0.9:9000-9010.
                """,
            valueName: "address:port"),
        completion: .list(["0.0.0.0:", "[::]:"]), transform: OneLine.listenAddress)
    var listen: [BindAddress] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "With --listen: the source address of connections to backends; may be given several times. (default: what "
                + "the kernel chooses)",
            valueName: "address"),
        transform: OneLine.source)
    var source: [SocketAddress] = []

    private static let threadCounts = NumberRange(1...Limits.threadsMax)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "With --listen: the number of loops, each on its own thread, \(threadCounts). (default: 1)",
            valueName: "count"),
        transform: threadCounts.parse)
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "With --listen: the Unix socket for `balancer status` and the other commands. (default: "
                + "$BALANCER_ADMIN_SOCKET, or none)",
            valueName: "path"),
        completion: .file(), transform: AdminPath.parseNew)
    var adminSocket: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "With --listen: an address of loopback for the page and metrics over HTTP; may be given several times.",
            valueName: "address:port"),
        completion: .list(["127.0.0.1:"]), transform: OneLine.adminAddress)
    var adminHttp: [SocketAddress] = []

    /// The options that may be given several times.
    static let repeatable: Set<String> = ["--listen", "--source", "--admin-http"]

    func run() throws {
        let form = try form()
        // SIGUSR1 opens the log anew, and a rotation may come at any time.
        let limit = Serving.prepare(holding: [.userFirst])
        let sockets: [InheritedSocket]
        do throws(SocketActivationError) {
            sockets = try SocketActivation.takeSockets()
        } catch {
            complain("balancer", error.description)
            throw ExitCode(EX_CONFIG)
        }
        let resources = Resources(
            descriptors: limit, memory: MemoryLimit.all(), sockets: sockets, adminSocket: AdminPath.chosen(nil))
        switch form {
        case .line(let line):
            try Serving.run(try Self.configuration(line, resources), descriptors: limit, resources.memory)
        case .file(let file): try Self.serve(file, resources)
        }
    }

    /// Serves as a file says, which is read again at SIGHUP, and when a file of networks has changed.
    private static func serve(_ file: String, _ resources: Resources) throws {
        let document: Document
        let configuration: Configuration
        do throws(Mistakes) {
            document = try Document.read(file)
            configuration = try document.configuration(resources)
        } catch {
            throw ConfigurationPath.report(error)
        }
        let pools = PoolDiscoverer()
        let reader = ConfigurationReader(file, resources, pools, current: configuration, of: document)
        try Serving.run(
            configuration, descriptors: resources.descriptors, resources.memory, readAgain: { reader.begin($0) },
            hooks: { .file(reader, $0) }
        ) { control in
            pools.update(document, configuration, control)
            reader.watch(document, control)
            pools.waitForFirstAnswers()
        }
    }
}

// The arguments that stand for a file.
extension RunCommand {
    private enum Form {
        case line(OneLine)
        case file(String)
    }

    private func form() throws -> Form {
        if let line = try oneLine() { .line(line) } else { .file(try file()) }
    }

    /// What the arguments say; nil without `--listen`. A mistake in them is a usage error.
    func oneLine() throws -> OneLine? {
        guard !listen.isEmpty else { return nil }
        if let file = words.first(where: { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }) {
            throw ValidationError(
                "'\(file)' and --listen: give either a file, which says where to listen, or --listen and backends")
        }
        guard !words.isEmpty else {
            throw ValidationError("no backend: after --listen give at least one HOST:PORT")
        }
        do throws(ArgumentFault) {
            return OneLine(
                listen: listen, backends: try HostPort.list(words), sources: source, threads: threads ?? 1,
                adminSocket: adminSocket, adminHTTP: adminHttp)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// The configuration of one line; a mistake is a usage error.
    static func configuration(_ line: OneLine, _ resources: Resources) throws -> Configuration {
        do throws(ConfigurationError) {
            return try line.configuration(resources)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// The file, which the options of the other form do not go with.
    private func file() throws -> String {
        let options = [
            ("--source", "pools.NAME.source", !source.isEmpty), ("--threads", "process.threads", threads != nil),
            ("--admin-socket", "administration.socket", adminSocket != nil),
            ("--admin-http", "administration.http", !adminHttp.isEmpty),
        ]
        let looksLikeBackend = words.first.map(Self.isBackend) ?? false
        if let word = words.first, looksLikeBackend {
            throw ValidationError(
                "'\(word)' is a backend and no file: say where clients come in, "
                    + "`balancer run --listen 0.0.0.0:PORT \(word)`, or give a file")
        }
        if let option = options.first(where: \.2) {
            throw ValidationError(
                "\(option.0) goes with --listen: give --listen ADDRESS:PORT, or set \(option.1) in the file")
        }
        guard words.count <= 1 else {
            throw ValidationError(
                "\(words.count) files: give one, which may name others with 'include'; backends go with --listen")
        }
        return try ConfigurationPath.chosen(words.first)
    }

    /// True of `db1:5432`, unless there is a file of this name.
    private static func isBackend(_ word: String) -> Bool {
        guard let (_, port) = HostArgument.splitPort(word), Port(argument: port) != nil else { return false }
        return unsafe access(word, F_OK) != 0
    }
}
