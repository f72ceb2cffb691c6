import AdministrationAPI
import Drill
import Reactor
import Top
import Wording

/// Finds in the status of a balancer what a drill needs to know, and refuses what would be no drill.
struct DrillSetup {
    let plan: DrillPlan
    /// What messages call the backend.
    let title: String
    let probes: ProbeLine.Settings
    /// Other backends of the pool that can take the clients.
    let others: [String]

    /// What is asked for.
    struct Wish {
        var backend: String
        var mode: DrillPlan.Mode
        var length: Duration
        var baseline: Duration
        var listener: String?
        var rate: Int
        var patience: Duration
        var sent: [UInt8]
        var expected: [UInt8]
        /// Also when no other backend is up.
        var isForced: Bool
        var isCopy: Bool
        /// The backend's name in messages, without its pool; nil for that of the balancer.
        var title: String?
    }

    init(_ wish: Wish, _ status: Status) throws(Fault) {
        let reference = try Names(status).backend(wish.backend)
        title = wish.title.map { "\(reference.pool)/\($0)" } ?? reference.description
        try Self.checkState(reference, status)
        let pool = status.pools.first { $0.name == reference.pool }
        others = (pool?.backends ?? []).filter { $0.name != reference.backend && $0.isUsable }.map(\.name)
        guard !others.isEmpty || wish.isForced else {
            throw Fault(
                "backend \(title): no other backend of pool '\(reference.pool)' is up, so its clients would "
                    + "fail: give --force "
                    + "to make the drill all the same")
        }
        let (listener, address) = try Self.listener(wish, reference, status)
        probes = ProbeLine.Settings(
            address: address, rate: wish.rate, patience: wish.patience, sent: wish.sent, expected: wish.expected)
        plan = DrillPlan(
            pool: reference.pool, backend: reference.backend, mode: wish.mode,
            lengthSeconds: wish.length.milliseconds / 1000, baselineSeconds: wish.baseline.milliseconds / 1000,
            listener: listener, address: address.description, probesPerSecond: wish.rate,
            patienceSeconds: wish.patience.milliseconds / 1000, isAnswerAwaited: probes.isAnswerAwaited,
            isCopy: wish.isCopy)
    }

    /// A drill begins with a backend that serves, and ends with `ready`.
    private static func checkState(_ reference: BackendReference, _ status: Status) throws(Fault) {
        guard let backend = status.backend(reference), !backend.isUsable else { return }
        switch backend.state {
        case "drain", "maintain":
            throw Fault(
                "backend \(reference): its state is '\(backend.state)', which the drill would end: `balancer ready "
                    + "\(reference)` first"
            )
        case "silent", "refusing":
            throw Fault("backend \(reference): another drill goes on with it: wait for its end")
        default:
            throw Fault(
                "backend \(reference): its state is '\(backend.state)' already, so there is nothing to take away: "
                    + "`balancer status` tells why")
        }
    }

    // MARK: the listener

    private static func listener(
        _ wish: Wish, _ reference: BackendReference, _ status: Status
    ) throws(Fault) -> (name: String, address: SocketAddress) {
        if let name = wish.listener {
            _ = try Names(status).listener(name)
            let entries = status.listeners.filter { $0.name == name }
            let leads = entries.contains {
                $0.pool == reference.pool || $0.routes.contains { $0.pool == reference.pool }
            }
            guard leads else {
                throw Fault(
                    "listener \(name): it does not lead to pool '\(reference.pool)': name one that does with --listener"
                )
            }
            return (name, try usable(entries))
        }
        // One whose clients need no server name is preferred.
        let entries = status.listeners.filter { $0.pool == reference.pool && $0.routes.isEmpty }
        guard let first = entries.first else {
            throw Fault(
                "no listener leads to pool '\(reference.pool)' without a server's name: name one with --listener, "
                    + "and give "
                    + "--send TEXT where its clients have to speak first")
        }
        return (first.name, try usable(entries.filter { $0.name == first.name }))
    }

    /// The first IP address of a listener, as it is reached from this machine.
    private static func usable(_ entries: [Status.Listener]) throws(Fault) -> SocketAddress {
        let name = entries.first?.name ?? "-"
        if entries.contains(where: { $0.state == "paused" }) {
            throw Fault("listener \(name): it is paused: `balancer resume \(name)` first")
        }
        for text in entries.flatMap(\.addresses) {
            guard let (host, port) = HostArgument.splitPort(text), let port = UInt16(port),
                let address = (try? HostArgument(host))?.address(port: port)
            else { continue }
            return address.destination
        }
        throw Fault("listener \(name): it has no IP address that could be probed: name another one with --listener")
    }
}
