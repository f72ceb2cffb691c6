import Glibc
import Testing

/// Starting a program as a service manager does that listens for it: sd_listen_fds(3).
extension RunningProgram {
    /// Starts a balancer that finds `sockets` at its descriptors 3 and following.
    ///
    /// - Parameters:
    ///   - names: `LISTEN_FDNAMES`, which not every manager sets.
    ///   - process: `LISTEN_PID`, as a shell says it. The shell's own number becomes the program's.
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
