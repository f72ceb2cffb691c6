import CommandSupport
import Reactor

/// The path of the administration socket.
enum AdminPath {
    /// Checks the path of an argument at which a balancer is to be asked.
    static func parse(_ text: String) throws(ArgumentFault) -> String {
        guard SocketAddress(unixPath: text) != nil else {
            throw ArgumentFault("a path of 1 to \(SocketAddress.unixPathBytesMax) bytes is needed")
        }
        return text
    }

    /// Checks the path of an argument at which a socket is to be made.
    static func parseNew(_ text: String) throws(ArgumentFault) -> String {
        guard (1...SocketFile.pathBytesMax).contains(text.utf8.count), !text.hasPrefix("@") else {
            throw ArgumentFault("a path of 1 to \(SocketFile.pathBytesMax) bytes that does not begin with @ is needed")
        }
        return text
    }

    /// The path from the argument, or else from the environment; nil when neither has one. There an empty one means none.
    static func chosen(_ argument: String?) -> String? {
        let path = argument ?? Environment.value("BALANCER_ADMIN_SOCKET")
        return path.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Warns of the variable's former name where the present one is not set: the socket would be missing without a word.
    static func warnOfFormerVariable() {
        guard Environment.value("BALANCER_ADMIN_SOCKET") == nil,
            Environment.value("BALANCER_STATUS_SOCKET").map({ !$0.isEmpty }) == true
        else { return }
        complain("balancer", "BALANCER_STATUS_SOCKET is BALANCER_ADMIN_SOCKET now: it is ignored")
    }
}
