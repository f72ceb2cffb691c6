import ArgumentParser
import CommandSupport
import Glibc
import Reactor

/// The listening sockets that a service manager has handed over, by what their names say they are for.
struct HandedSockets {
    /// Where clients come in.
    var clients: [InheritedSocket] = []
    /// Where the balancer tells its state.
    var status: InheritedSocket?

    /// Takes them over; those of an unknown name, or of a wrong kind, end the program with one clear line.
    static func take() throws -> HandedSockets {
        var sockets = HandedSockets()
        do throws(SocketActivationError) {
            for socket in try SocketActivation.takeSockets() { try sockets.add(socket) }
        } catch {
            complain("balancer", error.description)
            throw ExitCode(EX_CONFIG)
        }
        return sockets
    }

    /// Without `FileDescriptorName=` a socket has the name of its unit, or `unknown`: those take clients as well.
    mutating func add(_ socket: InheritedSocket) throws(SocketActivationError) {
        switch socket.name {
        case "status" where status == nil:
            // What is written to a TCP socket before its close may be lost; and the state is not for the network.
            guard socket.address.family == AF_UNIX else {
                throw SocketActivationError(
                    "socket 'status' (\(socket.address)) from the service manager is no Unix socket: ListenStream= is to "
                        + "be a path")
            }
            status = socket
        case "clients", "unknown":
            clients.append(socket)
        case let name where name.hasSuffix(".socket"):
            clients.append(socket)
        default:
            throw SocketActivationError(
                "socket '\(socket.name)' (\(socket.address)) from the service manager: FileDescriptorName= is to be "
                    + "clients, any number of times, or status, once")
        }
    }
}
