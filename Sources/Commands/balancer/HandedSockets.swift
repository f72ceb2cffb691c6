import ArgumentParser
import CommandSupport
import Glibc
import Reactor

/// The listening sockets that a service manager has handed over, sorted by their names.
struct HandedSockets {
    /// The sockets for clients.
    var clients: [InheritedSocket] = []
    /// The administration socket, if one was handed over.
    var administration: InheritedSocket?

    /// Takes the sockets over. One with an unknown name or of a wrong kind ends the program with an error message.
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

    /// Sorts a socket by its name. Without `FileDescriptorName=` a socket has the name of its unit, or `unknown`, and
    /// is for clients.
    mutating func add(_ socket: InheritedSocket) throws(SocketActivationError) {
        switch socket.name {
        case "admin" where administration == nil:
            // Whoever may open it may do everything.
            guard socket.address.family == AF_UNIX else {
                throw SocketActivationError(
                    "socket 'admin' (\(socket.address)) from the service manager is not a Unix socket: ListenStream= must "
                        + "be a path")
            }
            administration = socket
        case "clients", "unknown":
            clients.append(socket)
        case let name where name.hasSuffix(".socket"):
            clients.append(socket)
        default:
            throw SocketActivationError(
                "socket '\(socket.name)' (\(socket.address)) from the service manager: FileDescriptorName= must be "
                    + "clients, any number of times, or admin, once")
        }
    }
}
