import Reactor

// The PROXY header with which a client of another proxy begins.
extension Sessions {
    /// Looks for a header, and goes on when it is whole, or when it is known that there is none.
    mutating func readHeader(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        guard case .bytes(let count) = look(index) else {
            return goneOrWaits(index, &targets, &core, &journal)
        }
        let rules = rules[Int(prefaces.value(at: index).door)]
        // A reload may have taken the headers away meanwhile, or its trust.
        let mode = rules.proxy?.mode ?? .optional
        guard rules.proxy != nil, rules.trusts(slab[index].clientAddress(ipv6Hosts, at: index)) else {
            return mode == .optional
                ? enter(index, &targets, &core, &journal)
                : refuse(index, .badHeader, "it comes from no trusted network", &targets, &core, &journal)
        }
        let bytes = unsafe prefaceBuffer?.prefix(count) ?? UnsafeRawBufferPointer(start: nil, count: 0)
        switch unsafe ProxyHeader.read(Span(_bytes: RawSpan(_unsafeBytes: bytes))) {
        case .header(let header, let length):
            let authority = header.authority.flatMap {
                unsafe ServerName(bytes: Array(UnsafeRawBufferPointer(rebasing: bytes[$0])))
            }
            guard takeHeader(index, length, of: count) else { return end(index, .abandoned, &targets, &core, &journal) }
            apply(header, authority, to: index)
            return enter(index, &targets, &core, &journal)
        case .incomplete where !hasEnded(index): return .continues
        case .absent where mode == .optional:
            return enter(index, &targets, &core, &journal)
        case .absent: return refuse(index, .badHeader, "there is none", &targets, &core, &journal)
        case .incomplete: return refuse(index, .badHeader, "it ends too early", &targets, &core, &journal)
        case .malformed(let fault):
            return refuse(index, .badHeader, fault.description, &targets, &core, &journal)
        }
    }

    /// Takes a header that was looked at out of the client's socket; false when that has failed meanwhile.
    private mutating func takeHeader(_ index: Int, _ length: Int, of seen: Int) -> Bool {
        var left = length
        while left > 0 {
            guard let room = unsafe prefaceRoom(), left <= room.count,
                case .bytes(let count) = unsafe slab[index].link.client.stream.receive(
                    into: UnsafeMutableRawBufferPointer(rebasing: room[..<left]))
            else { return false }
            left -= count
        }
        // Nothing was behind it. What comes next causes a new event.
        if seen == length, !slab[index].link.client.isUnsettled { slab[index].link.client.isReadable = false }
        return true
    }

    /// The session is that of another client from now on: for policies, limits, lines of the log, and its backend.
    private mutating func apply(_ header: ProxyHeader, _ authority: ServerName?, to index: Int) {
        var preface = prefaces.value(at: index)
        if let addresses = header.addresses {
            slab[index].setClient(addresses.source)
            if case .ipv6(let high, let low, let scope, _) = addresses.source {
                ipv6Hosts.set(IPv6Host(high: high, low: low, scope: scope), at: index)
            }
            preface.destination = addresses.destination
        }
        prefaces.set(preface, at: index)
        if let authority { keep(authority, of: index) }
    }
}
