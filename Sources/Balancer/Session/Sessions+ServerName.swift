import Reactor

// The server that a client names in TLS, which leads to its pool.
extension Sessions {
    /// Looks for a ClientHello, and goes on when its name is known, or when it is known that there is none.
    mutating func readName(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        guard let names = rules[Int(prefaces.value(at: index).door)].names else {
            // A reload has taken them away meanwhile.
            return connectAtLast(index, &targets, &core, &journal)
        }
        guard case .bytes(let count) = look(index) else {
            return goneOrWaits(index, &targets, &core, &journal)
        }
        let bytes = unsafe prefaceBuffer?.prefix(count) ?? UnsafeRawBufferPointer(start: nil, count: 0)
        let result = unsafe ClientHello.read(
            Span(_bytes: RawSpan(_unsafeBytes: bytes)), wantsProtocols: names.wantsProtocols)
        switch result {
        case .hello(let hello):
            if let name = hello.name { keep(name, of: index) }
            return go(
                index, by: names.route(hello.name, hello.protocols),
                or: hello.name.map { "'\($0)' has no route" } ?? "it names none", &targets, &core, &journal)
        case .incomplete where !hasEnded(index): return .continues
        case .incomplete:
            return go(index, by: names.route(nil, []), or: "it ends too early", &targets, &core, &journal)
        case .other(let fault):
            return go(index, by: names.route(nil, []), or: "it \(fault)", &targets, &core, &journal)
        }
    }

    /// The session's client has named a server. Without memory for the name it has named none.
    mutating func keep(_ name: ServerName, of index: Int) {
        var preface = prefaces.value(at: index)
        preface.name = serverNames.insert(name) ?? .none
        prefaces.set(preface, at: index)
    }

    /// The server that a session's client has named, if it was asked for it.
    func serverName(of index: Int) -> ServerName? {
        guard origins.value(at: index).hasPreface else { return nil }
        let key = prefaces.value(at: index).name
        return serverNames.contains(key) ? serverNames[Int(key.index)] : nil
    }

    /// Sends the session to the pool of its route; without one it is closed for this `cause`.
    mutating func go(
        _ index: Int, by route: NameRoutes.Route?, or cause: @autoclosure () -> String, _ targets: inout Targets,
        _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        guard let route, let pool = targets.place(of: route.pool) else {
            return refuse(index, .noRoute, cause(), &targets, &core, &journal)
        }
        route.count.add()
        change(index, toPool: pool, &targets)
        return connectAtLast(index, &targets, &core, &journal)
    }
}
