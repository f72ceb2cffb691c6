import Balancer
import CommandSupport
import Reactor

/// Serves with a configuration, wherever that comes from.
enum Serving {
    /// The first steps: returns the limit of descriptors. Holds the signals that do not end a loop, so that they do not end
    /// the program before there is one either; `more` are further ones of this kind.
    static func prepare(holding more: [Signal] = []) -> Int {
        let limit = Startup.prepare()
        AdminPath.warnOfFormerVariable()
        DescriptorLimit.makeTable(for: limit)
        Signals.hold([.hangup] + Signal.meaningless + more)
        return limit
    }

    /// Runs the loops until they are to stop. A failure ends the program with its message and exit code. `readAgain` begins
    /// to read the configuration again: see ``ControlChannel``. `hooks` tell administration what the balancer does not know.
    /// `prepare` is called before the loops run, with the channel to them; what it posts they have before their first client.
    static func run(
        _ configuration: Configuration, descriptors: Int, _ memory: [MemoryLimit],
        readAgain: (@Sendable (ControlChannel) -> Void)? = nil,
        hooks: ((ControlChannel) -> Inspector.Hooks)? = nil,
        prepare: (ControlChannel) -> Void = { _ in }
    ) throws {
        let control: ControlChannel?
        let service: ServiceManager?
        let access: LoopAccess?
        do throws(SystemCallError) {
            let isAdministered = configuration.administration.isOn
            try Startup.checkMemory(threads(of: configuration))
            control =
                readAgain != nil || isAdministered ? try ControlChannel(readAgain: readAgain) : nil
            access = try control.flatMap { (control) throws(SystemCallError) in
                isAdministered ? try LoopAccess(loops: configuration.threads, control: control) : nil
            }
            service = try ServiceManager.find()
        } catch {
            throw failure("balancer", error, threads: threads(of: configuration))
        }
        var log: EventLog
        do throws(LogFailure) {
            log = try EventLog.open(
                configuration.log, syslogPath: Environment.value("BALANCER_SYSLOG") ?? SyslogSocket.standardPath)
        } catch {
            throw failure("balancer", opening: error.path, for: "\(error.key)", error.errno)
        }
        if let errno = log.syslogFault {
            complain("balancer", "log: no log daemon takes lines yet: \(errno): they are lost until one does")
        }
        log.recorder = access?.recorder
        if let control { prepare(control) }
        guard let access, let control else {
            return try serve(configuration, log, descriptors: descriptors, memory, service, control, nil)
        }
        let host = try AdministrationHost.start(
            configuration, access, hooks?(control) ?? .withoutFile(configuration))
        for address in configuration.administration.publicAddresses { log.reachable(at: address) }
        defer { host.close() }
        try serve(configuration, log, descriptors: descriptors, memory, service, control, access)
    }

    private static func serve(
        _ configuration: Configuration, _ log: consuming EventLog, descriptors: Int, _ memory: [MemoryLimit],
        _ service: consuming ServiceManager?, _ control: ControlChannel?, _ access: LoopAccess?
    ) throws {
        log.compare(configuration, withDescriptors: descriptors)
        log.compare(configuration, withMemory: memory)
        do throws(LoopFailure) {
            try LoopGroup.run(configuration, output: log, service: service, control: control, access: access)
        } catch {
            throw failure(
                "balancer", error.cause, in: error.loop.map { "loop \($0)" }, threads: threads(of: configuration))
        }
    }

    /// Administration has two beside the loops: its server's and the inspector's.
    private static func threads(of configuration: Configuration) -> ThreadCount {
        ThreadCount(loops: configuration.threads, others: configuration.administration.isOn ? 2 : 0)
    }
}
