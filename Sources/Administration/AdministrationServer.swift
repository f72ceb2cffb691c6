import AdministrationAPI
import NIOCore
import NIOPosix

/// The HTTP server of administration. It has a thread of its own, which asks the balancer and waits for nobody.
public final class AdministrationServer: Sendable {
    /// An address of TCP.
    public struct Address: Hashable, Sendable, CustomStringConvertible {
        /// An IP address, or a name that resolves to one.
        public var host: String
        /// The port; 0 lets the system choose one.
        public var port: Int

        /// All of it.
        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// `127.0.0.1:9000`, `[::1]:9000`
        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// Where the server listens, and whom it trusts.
    public struct Settings: Sendable {
        /// A Unix socket that is bound and listening. The server closes it in the end, also when it does not start; its
        /// path is the caller's.
        public var socket: CInt?
        /// Addresses of TCP.
        public var addresses: [Address] = []
        /// Tokens with which changes are allowed over TCP; without one nobody may change anything there. Empty ones are
        /// left out.
        public var tokens: [[UInt8]] = []
        /// `HOST` or `HOST:PORT` that requests over TCP may name besides the addresses.
        public var hosts: [String] = []

        /// Listens nowhere.
        public init() {}
    }

    /// The addresses of TCP with the ports that they got.
    public let addresses: [Address]
    private let group: MultiThreadedEventLoopGroup
    private let door: LoopDoor
    private let core: NIOLoopBound<ServerCore>

    /// Starts a server; when this returns, it listens.
    ///
    /// The balancer's `whenEvent` is called here, once.
    public static func start(
        _ settings: Settings, of balancer: any RunningBalancer
    ) throws(AdministrationServerError) -> AdministrationServer {
        try start(settings, of: balancer, times: Times())
    }

    /// Starts a server whose clients have these times.
    static func start(
        _ settings: Settings, of balancer: any RunningBalancer, times: Times
    ) throws(AdministrationServerError) -> AdministrationServer {
        var sockets: [ListenSocket] = settings.socket.map { [ListenSocket(descriptor: $0, kind: .unix)] } ?? []
        var addresses: [Address] = []
        do throws(AdministrationServerError) {
            for address in settings.addresses {
                let socket = try ListenSocket(address)
                sockets.append(socket)
                addresses.append(Address(host: address.host, port: socket.port))
            }
        } catch {
            for socket in sockets { socket.close() }
            throw error
        }
        let router = Router(
            hosts: HostRules(addresses: addresses, further: settings.hosts), tokens: Tokens(settings.tokens))
        // NIO ends the process where its loop gets no descriptors.
        guard SpareDescriptors.hasRoom() else {
            for socket in sockets { socket.close() }
            throw Self.noStart(addresses, "the process has too few descriptors left")
        }
        return try AdministrationServer(sockets, addresses, router, balancer, times)
    }

    private init(
        _ sockets: [ListenSocket], _ addresses: [Address], _ router: Router, _ balancer: any RunningBalancer,
        _ times: Times
    ) throws(AdministrationServerError) {
        self.addresses = addresses
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let eventLoop = group.next()
        let door = LoopDoor(eventLoop)
        self.door = door
        var waiting = sockets[...]
        var made: NIOLoopBound<ServerCore>?
        do {
            let core = try eventLoop.submit {
                NIOLoopBound(ServerCore(router, balancer, door, times), eventLoop: eventLoop)
            }.wait()
            made = core
            while let socket = waiting.popFirst() {
                try eventLoop.flatSubmit { core.value.listen(socket) }.wait()
            }
            self.core = core
        } catch {
            // Closes the sockets that channels have taken over, and the spare descriptors.
            let core = made
            door.runLast { core?.value.stop() }
            for socket in waiting { socket.close() }
            try? group.syncShutdownGracefully()
            throw Self.noStart(addresses, "\(error)")
        }
        balancer.whenEvent { [door, core] in
            door.runOnce { core.value.streams.newEvents() }
        }
    }

    deinit { close() }

    private static func noStart(_ addresses: [Address], _ reason: String) -> AdministrationServerError {
        AdministrationServerError(
            address: addresses.isEmpty ? "its socket" : addresses.map(\.description).joined(separator: ", "), errno: 0,
            reason: reason, remedy: "allow more open files (ulimit -n, LimitNOFILE=) and threads")
    }

    /// Closes all listeners and connections: nobody is answered any more. It waits for that, and must not be called on the
    /// server's thread, which stays until the process ends.
    public func close() {
        let core = core
        door.runLast { core.value.stop() }
    }

    /// Like ``close()``, and ends the thread.
    ///
    /// A program that ends anyway does without: SwiftNIO asks libdispatch to wait for its threads, and the threads of that
    /// make system calls (`setpriority`) that a service's filter need not allow.
    public func stop() {
        close()
        try? group.syncShutdownGracefully()
    }
}
