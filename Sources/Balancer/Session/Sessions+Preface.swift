import Reactor

// What comes before the first byte: a PROXY header, the client's limits, and the name of the server that it wants. Bytes are
// looked at in the client's socket, and only those of a header are taken out of it.
extension Sessions {
    /// The number of a listener's rules, for its sessions.
    mutating func door(of rules: ListenerRules) -> UInt16? {
        if let known = self.rules.firstIndex(where: { $0.standing === rules.standing }) { return UInt16(known) }
        guard self.rules.count < Int(UInt16.max) else { return nil }
        self.rules.append(rules)
        return UInt16(self.rules.count - 1)
    }

    /// A reload has brought these listeners. What they ask for holds for those that are still before their first byte, too.
    mutating func take(_ latest: [ListenerEntry]) {
        for entry in latest {
            guard let standing = entry.standing,
                let known = rules.firstIndex(where: { $0.standing === standing })
            else { continue }
            rules[known] = entry.rules ?? ListenerRules(nothing: entry.settings.name, pool: entry.pool, standing)
        }
        forgetRules(except: Set(latest.compactMap { $0.standing.map(ObjectIdentifier.init) }))
    }

    /// Forgets at the end of ``rules`` what listeners asked for that have left, where they have no session any more. Those
    /// between others stay: their numbers are places.
    private mutating func forgetRules(except present: Set<ObjectIdentifier>) {
        guard rules.contains(where: { !present.contains(ObjectIdentifier($0.standing)) }) else { return }
        var used = Set<UInt16>()
        for index in slab.indexRange where slab.isTaken(index) && origins.value(at: index).hasPreface {
            used.insert(prefaces.value(at: index).door)
        }
        while let last = rules.last, !present.contains(ObjectIdentifier(last.standing)),
            !used.contains(UInt16(rules.count - 1))
        {
            rules.removeLast()
        }
    }

    /// Begins with a new session what its listener asks for; it has a place for ``SessionPreface``.
    mutating func beginPreface(
        _ index: Int, door: UInt16, _ admittance: Admittance, hasWaited: Bool, _ targets: inout Targets,
        _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        let rules = rules[Int(door)]
        var preface = SessionPreface(door: door, stage: .over, deadline: core.now)
        switch admittance {
        case .free, .admitted(nil): break
        case .admitted(let entry?): (preface.entry, preface.isEntered) = (entry, true)
        case .held(let entry, let until):
            preface.hold(entry, atMost: rules.waitEnd(core.now))
            core.timers.arm(slab[index].timer, at: min(until, preface.deadline))
        case .header:
            preface.stage = .header
            preface.deadline = core.now + (rules.proxy?.timeout ?? .zero)
            core.timers.arm(slab[index].timer, at: preface.deadline)
        }
        keep(preface, of: index)
        if preface.stage == .over {
            guard rules.names != nil else { return begin(index, hasWaited: hasWaited, &targets, &core, &journal) }
            awaitName(index, rules, &core)
        }
        slab[index].move(to: .preface)
        return begin(index, hasWaited: hasWaited, &targets, &core, &journal)
    }

    private mutating func keep(_ preface: SessionPreface, of index: Int) {
        var origin = origins.value(at: index)
        origin.hasPreface = true
        origins.set(origin, at: index)
        prefaces.set(preface, at: index)
    }

    mutating func awaitName(_ index: Int, _ rules: ListenerRules, _ core: inout LoopCore) {
        var preface = prefaces.value(at: index)
        preface.stage = .name
        preface.deadline = core.now + (rules.names?.timeout ?? .zero)
        prefaces.set(preface, at: index)
        core.timers.arm(slab[index].timer, at: preface.deadline)
    }

    /// There may be more bytes of a session that is before its first one, or it has ended.
    @inline(never) mutating func prefaceReady(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        guard relay.hasShare else {
            queue(index)
            return .continues
        }
        relay.chargeLook()
        switch prefaces.value(at: index).stage {
        case .header: return readHeader(index, &targets, &core, &journal)
        case .name: return readName(index, &targets, &core, &journal)
        case .held: return goneOrWaits(index, &targets, &core, &journal)
        case .over: return .continues
        }
    }

    /// What a look at the client's socket has shown.
    enum Look {
        case bytes(Int)
        /// There is nothing yet.
        case nothing
        /// It has left.
        case gone
    }

    /// Looks at what the client has sent; it stays where it is.
    mutating func look(_ index: Int) -> Look {
        guard let room = unsafe prefaceRoom() else { return .nothing }
        // Not through `Side`: the look takes no bytes, and its result must not change the client's readiness.
        switch unsafe slab[index].link.client.stream.receive(into: room, peek: true) {
        case .bytes(let count): return .bytes(count)
        case .wouldBlock: return .nothing
        case .endOfStream, .failed: return .gone
        }
    }

    /// The memory of ``look(_:)``, which only a loop has that needs it.
    mutating func prefaceRoom() -> UnsafeMutableRawBufferPointer? {
        if prefaceBuffer == nil { prefaceBuffer = ByteBuffer(mapping: Limits.prefaceBytesMax) }
        return unsafe prefaceBuffer?.memory
    }

    /// True when nothing follows what has come so far.
    mutating func hasEnded(_ index: Int) -> Bool {
        slab[index].link.client.isUnsettled
            && !slab[index].link.client.stream.readiness.isDisjoint(with: .ending)
    }

    /// It goes on waiting, unless its client has ended its direction without a byte, or has reset the connection.
    mutating func goneOrWaits(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        let hasGone = slab[index].link.client.isUnsettled && slab[index].link.client.stream.isExhausted
        return hasGone ? end(index, .abandoned, &targets, &core, &journal) : .continues
    }

    /// The session picks from another pool.
    mutating func change(_ index: Int, toPool pool: Int, _ targets: inout Targets) {
        guard pool != Int(slab[index].pool) else { return }
        targets.hold(pool: pool)
        targets.release(pool: Int(slab[index].pool))
        slab[index].setPool(pool)
    }

    /// It has its pool: the first backend is tried.
    mutating func connectAtLast(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        var preface = prefaces.value(at: index)
        preface.stage = .over
        prefaces.set(preface, at: index)
        let rules = rules[Int(preface.door)]
        // A reload may have given its listener another one.
        if rules.names == nil, let pool = targets.place(of: rules.pool) { change(index, toPool: pool, &targets) }
        slab[index].move(to: .connecting)
        traceEntered(index, core.now)
        core.timers.disarm(slab[index].timer)
        return connectNext(index, &targets, &core, &journal)
    }

    // MARK: the end

    /// The time of the present stage is over, or one that waits is to try again.
    @inline(never) mutating func prefaceExpired(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        // Its bytes have come, and the turn had no share for them: events win over timers.
        if slab[index].isQueued {
            guard relay.hasShare else {
                core.timers.arm(slab[index].timer, at: core.now + Limits.shareLook)
                return .continues
            }
            let step = prefaceReady(index, &targets, &core, &journal)
            guard step == .continues, slab[index].phase == .preface else { return step }
        }
        let preface = prefaces.value(at: index)
        guard preface.stage != .held else { return tryAgain(index, &targets, &core, &journal) }
        guard preface.deadline <= core.now else { return .continues }
        let isOptional = rules[Int(preface.door)].proxy?.mode != .required
        if preface.stage == .header, isOptional, case .nothing = look(index) {
            // A client that waits for its server's first byte: it has no header.
            return enter(index, &targets, &core, &journal)
        }
        return refuse(
            index, .prefaceTimeout, preface.stage == .header ? "it has not come in time" : "no name has come in time",
            &targets, &core, &journal)
    }

    /// Ends a session before its first byte. One that has sent something gets a RST, since that is not read; to a silent one
    /// the close is a FIN.
    mutating func refuse(
        _ index: Int, _ reason: EndReason, _ cause: String?, _ targets: inout Targets, _ core: inout LoopCore,
        _ journal: inout Journal
    ) -> Step {
        let preface = prefaces.value(at: index)
        let trouble: ListenerTrouble =
            switch reason {
            case .denied: .denied
            case .clientLimit: .overLimit
            case .noRoute: .name
            default: preface.stage == .name ? .name : .header
            }
        // Who may not come takes nothing of the listener's rate.
        if reason == .denied || reason == .clientLimit { rules[Int(preface.door)].standing.rate.giveBack() }
        lastTrouble = (trouble, preface.door, slab[index].clientAddress(ipv6Hosts, at: index), cause)
        return end(index, reason, &targets, &core, &journal)
    }

    /// A session ends: its client has one fewer.
    @inline(never) mutating func leavePreface(_ index: Int) {
        let preface = prefaces.value(at: index)
        let clients = rules[Int(preface.door)].standing.clients
        if preface.isEntered {
            if preface.stage == .held { clients.release(preface.entry) } else { clients.leave(preface.entry) }
        }
        if preface.hasName { _ = serverNames.remove(at: Int(preface.name.index)) }
    }
}
