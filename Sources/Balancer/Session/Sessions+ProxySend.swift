import Reactor

// The PROXY header with which a session begins at its backend.
extension Sessions {
    /// Sends the header of a session that has just been connected; false when it could not be sent.
    @inline(never) mutating func sendHeader(
        _ index: Int, _ proxy: Configuration.ProxySend, _ cells: CounterCells, _ all: CounterCells
    ) -> Bool {
        let source = slab[index].clientAddress(ipv6Hosts, at: index)
        let destination = destination(of: index)
        var options: ProxyHeaderWriter.Options = []
        if proxy.hasChecksum { options.insert(.checksum) }
        if proxy.hasUniqueID { options.insert(.uniqueID) }
        let id = proxy.hasUniqueID ? ids.id(of: slab.key(at: index)).rawValue : 0
        let authority = proxy.hasAuthority ? serverName(of: index)?.bytes : nil
        let isSent = unsafe relay.sendHeader(&slab[index].link) { memory in
            unsafe ProxyHeaderWriter.write(
                proxy.version, source: source, destination: destination, options: options, uniqueID: id,
                authority: authority, into: memory)
        }
        all.add(up: slab[index].link.upstream.delivered, down: 0)
        cells.add(up: slab[index].link.upstream.delivered, down: 0)
        return isSent
    }

    /// What the client has connected to: by its own PROXY header, or else one of our addresses. Only where a listener stands
    /// for all of them is the socket asked, which is a call.
    @inline(__always) private mutating func destination(of index: Int) -> SocketAddress? {
        let origin = origins.value(at: index)
        if origin.hasPreface, let destination = prefaces.value(at: index).destination { return destination }
        if let known = localAddresses[origin.local] { return known }
        return slab[index].link.client.stream.localAddress
    }
}
