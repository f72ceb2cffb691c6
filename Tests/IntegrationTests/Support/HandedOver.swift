import Glibc
import Testing

/// Starts programs with listening sockets, as a service manager does: sd_listen_fds(3).
extension RunningProgram {
    /// Starts a balancer that has `sockets` as descriptors 3 and up.
    ///
    /// - Parameters:
    ///   - names: The value of `LISTEN_FDNAMES`, which not every manager sets.
    ///   - process: `LISTEN_PID` as a shell expression. `$$` is the shell's process id, which exec keeps for the program.
    static func startBalancer(
        handing sockets: [TCPSocket], names: String? = nil, process: String = "$$", _ arguments: [String],
        environment: [String: String] = [:], at location: SourceLocation = #_sourceLocation
    ) throws -> RunningProgram {
        var variables = ["LISTEN_FDS": "\(sockets.count)"]
        variables["LISTEN_FDNAMES"] = names
        // A manager's sockets are blocking unless it is told otherwise.
        for socket in sockets { _ = fcntl(socket.descriptor, F_SETFL, 0) }
        return try start(
            ["/bin/sh", "-c", "export LISTEN_PID=\(process); exec \"$0\" \"$@\"", Program.balancer.path(at: location)]
                + arguments,
            named: "balancer", environment: variables.merging(environment) { $1 },
            descriptors: sockets.map(\.descriptor), at: location)
    }
}
