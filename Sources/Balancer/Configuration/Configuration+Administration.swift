import Glibc
import Reactor

extension Configuration {
    /// Where the running balancer is asked and steered: an HTTP server on a thread of its own, which exists only where one of
    /// its addresses is set.
    public struct Administration: Hashable, Sendable {
        /// Its Unix socket; nil for none. Whoever may open it may do everything.
        public var socket: Socket?
        /// Its addresses for HTTP over TCP. Reads are free there; changes need the token.
        public var http: [SocketAddress]
        /// The file with the token for changes over TCP; nil for none, and then there are no changes over TCP.
        public var tokenFile: String?
        /// Names by which clients may ask over TCP (`Host`), beside the addresses themselves.
        public var hosts: [String]

        /// A Unix socket.
        public enum Socket: Hashable, Sendable {
            /// One of its own.
            case path(String)
            /// One that the service manager made.
            case inherited(InheritedSocket)
        }

        /// By default there is none.
        public init(socket: Socket? = nil, http: [SocketAddress] = [], tokenFile: String? = nil, hosts: [String] = []) {
            self.socket = socket
            self.http = http
            self.tokenFile = tokenFile
            self.hosts = hosts
        }

        /// It can be asked somewhere.
        public var isOn: Bool { socket != nil || !http.isEmpty }

        /// The addresses that can be reached from other machines.
        public var publicAddresses: [SocketAddress] { http.filter { !$0.isLoopback } }

        /// Descriptors of its thread: 64 connections, 16 that are refused, spare ones, and its own.
        public static let descriptors = 110

        /// The most addresses for HTTP.
        public static let addressesMax = 4

        func check() throws(ConfigurationError) {
            if case .path(let path) = socket,
                path.isEmpty || path.hasPrefix("@") || path.utf8.count > SocketFile.pathBytesMax
                    || path.utf8.contains(0)
            {
                throw ConfigurationError(
                    "administration socket '\(path)': a path of 1 to \(SocketFile.pathBytesMax) bytes, not an abstract name, is "
                        + "needed (--admin-socket, $BALANCER_ADMIN_SOCKET)")
            }
            guard http.count <= Self.addressesMax else {
                throw ConfigurationError(
                    "\(http.count) addresses for administration over HTTP: at most \(Self.addressesMax)")
            }
            if let address = http.first(where: { $0.isUnix || $0.port == 0 }) {
                throw ConfigurationError(
                    "administration over HTTP at \(address): an IP address and a port from 1 to 65535 are needed")
            }
        }
    }
}
