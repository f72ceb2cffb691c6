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
                    + "give the backend's port, or the balancer another --port")
        }
    }
}

extension Configuration.ListenerSettings {
    /// The address, and which connections reach it.
    var ownAddress: OwnAddress { OwnAddress(address, isIPv6Only: inherited?.isIPv6Only ?? false) }
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
