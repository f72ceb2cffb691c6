import Balancer
import CommandSupport
import Reactor

/// Serves with a configuration, wherever that comes from.
enum Serving {
    /// The first steps: returns the limit of descriptors. Holds the signals that do not end a loop, so that they do not end
    /// the program before there is one either; `more` are further ones of this kind.
    static func prepare(holding more: [Signal] = []) -> Int {
        let limit = Startup.prepare()
        DescriptorLimit.makeTable(for: limit)
        Signals.hold([.hangup] + Signal.meaningless + more)
        return limit
    }

    /// Runs the loops until they are to stop. A failure ends the program with its message and exit code. `readAgain` begins
    /// to read the configuration again: see ``ControlChannel``. `prepare` is called before the loops run, with the channel
    /// to them; what it posts they have before their first client.
    static func run(
        _ configuration: Configuration, descriptors: Int, _ memory: [MemoryLimit],
        readAgain: (@Sendable (ControlChannel) -> Void)? = nil, prepare: (ControlChannel) -> Void = { _ in }
    ) throws {
        let control: ControlChannel?
        let service: ServiceManager?
        do throws(SystemCallError) {
            try Startup.checkMemory(loops: configuration.threads)
            control = try readAgain.map { (readAgain) throws(SystemCallError) in
                try ControlChannel(readAgain: readAgain)
            }
            service = try ServiceManager.find()
        } catch {
            throw failure("balancer", error, loops: configuration.threads)
        }
        let log: EventLog
        do throws(LogFailure) {
            log = try EventLog.open(
                configuration.log, syslogPath: Environment.value("BALANCER_SYSLOG") ?? SyslogSocket.standardPath)
        } catch {
            throw failure("balancer", opening: error.path, for: "\(error.key)", error.errno)
        }
        if let errno = log.syslogFault {
            complain("balancer", "log: no log daemon takes lines yet: \(errno): they are lost until one does")
        }
        if let control { prepare(control) }
        do throws(LoopFailure) {
            try serve(configuration, log, descriptors: descriptors, memory, service, control)
        } catch {
            throw failure(
                "balancer", error.cause, in: error.loop.map { "loop \($0)" }, loops: configuration.threads)
        }
    }

    private static func serve(
        _ configuration: Configuration, _ log: consuming EventLog, descriptors: Int, _ memory: [MemoryLimit],
        _ service: consuming ServiceManager?, _ control: ControlChannel?
    ) throws(LoopFailure) {
        log.compare(configuration, withDescriptors: descriptors)
        log.compare(configuration, withMemory: memory)
        try LoopGroup.run(configuration, output: log, service: service, control: control)
    }
}
