import Reactor

// What a configuration's addresses must not be.
extension Configuration {
    /// Throws an error when the listener cannot be bound, or is one of the backends.
    func checkAddresses(_ listener: ListenerSettings) throws(ConfigurationError) {
        if listener.address.lacksScope {
            throw ConfigurationError("listener \(listener.address): \(listener.address.scopeRemedy)")
        }
        for backend in pools.lazy.flatMap(\.backends) {
            guard let address = backend.address, listener.ownAddress.receives(address) else { continue }
            throw ConfigurationError(
                "backend \(backend.unspecified ?? address) is the balancer's own address, so it would connect to itself: "
                    + "give the backend's port, or the balancer another one to listen on")
        }
    }
}

extension Configuration.ListenerSettings {
    /// The address, and which connections reach it.
    var ownAddress: OwnAddress { OwnAddress(address, isIPv6Only: isIPv6Only) }

    /// Throws an error that names the fault and the remedy.
    func check() throws(ConfigurationError) {
        let owner = name == address.description ? "listener \(name)" : "listener '\(name)' at \(address)"
        guard !name.isEmpty else { throw ConfigurationError("listener \(address): its name is empty") }
        if let backlog, !(1...Limits.backlogMax).contains(Int(backlog)) {
            throw ConfigurationError("\(owner): backlog \(backlog): it must be 1 to \(Limits.backlogMax)")
        }
        try socketOptions.check(owner)
        try clients.check(name)
        if let proxy {
            try Configuration.check(proxy.timeout, "time for the PROXY header", from: Configuration.timeoutMin)
            guard proxy.from.count <= Limits.networksMax else {
                throw ConfigurationError("\(owner): more than \(Limits.networksMax) trusted networks")
            }
        }
        if let path = socketPath, path.utf8.count > SocketFile.pathBytesMax {
            throw ConfigurationError("\(owner): its path must have at most \(SocketFile.pathBytesMax) bytes")
        }
        guard let unix else { return }
        guard socketPath != nil else {
            throw ConfigurationError("\(owner): only the path of a Unix socket has permissions and an owner")
        }
        guard unix.mode <= 0o777 else {
            throw ConfigurationError(
                "\(owner): mode \(String(unix.mode, radix: 8)): it must be 0 to 777, as chmod(1) takes it")
        }
    }

    /// Something is asked of its clients before they get a backend.
    var hasRules: Bool { proxy != nil || serverNames != nil || clients != .init() }

    /// The path of the Unix socket that it makes; nil of a TCP socket, one that was handed over, or an abstract name.
    var socketPath: String? {
        guard inherited == nil, case .unix(let path) = address, !path.isEmpty, !path.hasPrefix("@") else { return nil }
        return path
    }
}

extension Configuration.Backend {
    /// Throws an error for a link-local address without a scope. Of a name, the next look-up may bring another address.
    func checkScope() throws(ConfigurationError) {
        guard let address, name == nil, address.lacksScope else { return }
        throw ConfigurationError("backend \(address): \(address.scopeRemedy)")
    }
}

extension SocketAddress {
    /// What to write instead of a link-local address without a scope.
    fileprivate var scopeRemedy: String { "a link-local address needs its interface: \(host)%eth0" }
}
