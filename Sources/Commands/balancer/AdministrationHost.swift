import Administration
import AdministrationAPI
import AdministrationClient
import ArgumentParser
import Balancer
import CommandSupport
import Glibc
import Reactor

/// The administration of a balancer that is about to serve: its sockets, its server and its thread, for as long as it serves.
struct AdministrationHost: ~Copyable {
    private let server: AdministrationServer
    /// Its path goes with it.
    private let socket: HandedListener

    /// Starts the server where the configuration wants one. A mistake ends the program with its message and exit code.
    static func start(
        _ configuration: Configuration, _ access: LoopAccess, _ hooks: Inspector.Hooks
    ) throws -> AdministrationHost {
        let administration = configuration.administration
        var settings = AdministrationServer.Settings()
        settings.addresses = administration.http.map {
            AdministrationServer.Address(host: $0.host, port: Int($0.port))
        }
        settings.hosts = administration.hosts
        settings.tokens = try tokens(administration.tokenFile)
        let inspector: Inspector
        do throws(SystemCallError) { inspector = try Inspector(access, version: version, hooks) } catch {
            throw failure("balancer", error)
        }
        let socket = try open(administration.socket)
        if let descriptor = socket.descriptor { settings.socket = descriptor }
        return AdministrationHost(server: try start(settings, inspector), socket: socket)
    }

    private init(server: AdministrationServer, socket: consuming HandedListener) {
        self.server = server
        self.socket = socket
    }

    /// Nobody is answered any more. The server's thread ends with the process.
    func close() { server.close() }

    private static func tokens(_ path: String?) throws -> [[UInt8]] {
        guard let path else { return [] }
        do throws(TokenFile.Fault) {
            return try TokenFile.read(path)
        } catch {
            complain("balancer", "administration.token_file: \(path): \(error.description)")
            throw ExitCode(EX_CONFIG)
        }
    }

    private static func start(
        _ settings: AdministrationServer.Settings, _ inspector: Inspector
    ) throws -> AdministrationServer {
        do throws(AdministrationServerError) {
            // Its thread must not take the signals that a loop handles.
            return try Signals.withAllBlocked { () throws(AdministrationServerError) in
                try AdministrationServer.start(settings, of: inspector)
            }
        } catch {
            guard error.errno == 0 else {
                throw failure(
                    "balancer",
                    SystemCallError(call: "administration", subject: error.address, errno: Errno(rawValue: error.errno))
                )
            }
            complain("balancer", "administration at \(error.address): \(error.reason): \(error.remedy)")
            throw ExitCode(EX_OSERR)
        }
    }

    // MARK: the Unix socket

    private static func open(_ socket: Configuration.Administration.Socket?) throws -> HandedListener {
        do throws(SystemCallError) { return try listen(socket) } catch { throw failure("balancer", error) }
    }

    private static func listen(_ socket: Configuration.Administration.Socket?) throws(SystemCallError) -> HandedListener
    {
        switch socket {
        case nil: return .none
        case .inherited(let socket): return try HandedListener(sharing: socket)
        case .path(let path):
            guard !isInUse(path) else {
                throw SystemCallError(call: "bind", subject: "unix:\(path)", errno: Errno(rawValue: EADDRINUSE))
            }
            return try HandedListener(at: path)
        }
    }

    /// True when a process listens there that is not about to end. A draining balancer leaves its path to the next one.
    private static func isInUse(_ path: String) -> Bool {
        guard SocketFile.isInUse(path) else { return false }
        let client = AdministrationClient(place: .unix(path), timeout: answerTimeout)
        // One that does not answer, or in another way, listens there all the same.
        let status = try? client.status()
        return status?.state != ServiceState.draining.rawValue
    }

    /// How long a process at the path may take to answer, on a machine that has just started everything at once.
    private static let answerTimeout: Duration = .seconds(5)
}
