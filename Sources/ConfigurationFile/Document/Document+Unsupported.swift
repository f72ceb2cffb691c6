import Balancer
import Glibc
import Reactor
import Wording

// What the format has and `Configuration` cannot say yet. Each is a mistake, so that no key is ignored: a line goes from
// here when the configuration has a place for it, and the value is passed on in Document+Configuration.swift.
extension Document {
    func addUnsupported(to mistakes: inout MistakeList) {
        func add<Value>(_ setting: Setting<Value>, _ path: Path, _ isUnsupported: Bool) {
            guard isUnsupported, let place = setting.origin.place else { return }
            mistakes.add(place, path, "this version cannot do that yet: leave it out")
        }
        func addKeepalive(_ keepalive: Keepalive, _ path: Path) {
            for (key, setting) in [("idle", keepalive.idle), ("interval", keepalive.interval)] {
                add(setting, path.key(key), setting.value != Self.standard(key))
            }
            add(keepalive.probes, path.key("probes"), keepalive.probes.value != Int(Reactor.Keepalive.standard.count))
        }
        let backlogs = Set(listeners.map(\.backlog.value))
        for listener in listeners {
            let path = Path.top.key("listeners").key(listener.name.value)
            add(listener.backlog, path.key("backlog"), backlogs.count > 1)
            add(listener.userTimeout, path.key("user_timeout"), listener.userTimeout.value != nil)
            addKeepalive(listener.keepalive, path.key("keepalive"))
            for bind in listener.binds {
                if case .unix(_, let mode, let owner, let group) = bind.value {
                    add(bind, path.key("bind"), mode != Bind.standardMode || owner != nil || group != nil)
                }
            }
        }
        addDualStack(to: &mistakes)
        for pool in pools {
            let path = Path.top.key("pools").key(pool.name.value)
            if let first = pools.first {
                add(
                    pool.connectTimeout, path.key("connect_timeout"),
                    pool.connectTimeout.value != first.connectTimeout.value)
                add(pool.idleTimeout, path.key("idle_timeout"), pool.idleTimeout.value != first.idleTimeout.value)
            }
            for source in pool.sources.dropFirst() { add(source, path.key("source"), true) }
            add(pool.halfClosedTimeout, path.key("half_closed_timeout"), pool.halfClosedTimeout.value != nil)
            add(pool.sessionAgeMax, path.key("session_age_max"), pool.sessionAgeMax.value != nil)
            add(pool.userTimeout, path.key("user_timeout"), pool.userTimeout.value != nil)
            addKeepalive(pool.keepalive, path.key("keepalive"))
            add(pool.retriesMax, path.key("retries").key("max"), pool.retriesMax.value != nil)
            add(pool.retriesTimeout, path.key("retries").key("timeout"), pool.retriesTimeout.value != nil)
            add(pool.closesWhenDown, path.key("when_down"), pool.closesWhenDown.value)
            add(pool.whenRemoved, path.key("when_removed"), pool.whenRemoved.value != .keep)
            add(pool.check.isProbed, path.key("check").key("kind"), !pool.check.isProbed.value)
            add(pool.check.closesInOrder, path.key("check").key("close"), pool.check.closesInOrder.value)
            for (index, backend) in pool.backends.enumerated() {
                let path = path.key("backends").element(index)
                add(backend.name, path.key("name"), backend.name.value != nil)
                add(backend.weight, path.key("weight"), backend.weight.value != 1)
                add(backend.isBackup, path.key("backup"), backend.isBackup.value)
            }
        }
    }

    /// `[::]:80` has the clients of IPv4 as well, so that nothing else can have them.
    private func addDualStack(to mistakes: inout MistakeList) {
        let binds = listeners.flatMap { listener in listener.binds.map { (listener.name.value, $0) } }
        func ports(_ bind: Bind, where isMeant: (SocketAddress) -> Bool) -> [UInt16] {
            if case .addresses(let addresses) = bind { addresses.filter(isMeant).map(\.port) } else { [] }
        }
        let all = Set(binds.flatMap { ports($0.1.value) { $0.family == AF_INET6 && $0.isWildcard } })
        for (name, bind) in binds {
            guard let place = bind.origin.place,
                let port = ports(bind.value, where: { $0.family == AF_INET }).first(where: all.contains)
            else { continue }
            mistakes.add(
                place, Path.top.key("listeners").key(name).key("bind"),
                "[::]:\(port) takes the clients of IPv4 as well in this version: leave this address out")
        }
    }

    private static func standard(_ key: String) -> Duration {
        let standard = Reactor.Keepalive.standard
        return .seconds(Int(key == "idle" ? standard.idleSeconds : standard.intervalSeconds))
    }
}
