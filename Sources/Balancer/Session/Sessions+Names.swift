import Reactor

// What lines of the log name of a session beside its record: id, listener, and the backend that failed it first. Without such
// lines none of this runs. (Functions that change nothing are `mutating`, since Swift 6.3 would copy the sessions otherwise.)
extension Sessions {
    /// Counts sessions that there were before their listener had a limit, and perhaps those that count already; returns how
    /// many there are.
    mutating func countForLimit(ofListener number: UInt16, alsoCounted: Bool) -> Int {
        var count = 0
        for index in slab.indexRange where slab.isTaken(index) {
            guard alsoCounted || !slab[index].isCounted, origins.value(at: index).listener == number else { continue }
            slab[index].isCounted = true
            count += 1
        }
        return count
    }

    /// The backend at `place` did not accept the session's connection. Of these the first is remembered, and held until the
    /// session ends, so that its name is known then.
    mutating func noteFailed(_ index: Int, at place: Int) {
        var origin = origins.value(at: index)
        guard origin.failed < 0 else { return }
        origin.failed = Int32(place)
        origins.set(origin, at: index)
    }

    /// The place that a connected session holds for ``noteFailed(_:at:)``.
    func firstFailed(of index: Int) -> Int? {
        guard hasNames, slab[index].isConnected else { return nil }
        let place = Int(origins.value(at: index).failed)
        return place < 0 ? nil : place
    }

    /// Releases it at the end.
    mutating func releaseFirstFailed(_ index: Int, _ targets: inout Targets) {
        let place = Int(origins.value(at: index).failed)
        if place >= 0 { targets.release(place) }
    }

    /// Completes the record that was made last, if it has a line. `place` is that of the backend which the record names; -1
    /// for none.
    mutating func nameRecord(_ index: Int, at place: Int, _ targets: inout Targets, _ journal: inout Journal) {
        let id = ids.id(of: slab.key(at: index))
        lastRecord.id = id
        lastRecord.isLogged = journal.selection.takes(id)
        guard lastRecord.isLogged else { return }
        let isConnected = slab[index].isConnected
        let origin = origins.value(at: index)
        let isBeforePool = slab[index].phase == .preface
        var names = SessionNames(
            pool: isBeforePool
                ? "-"
                : isConnected && place >= 0
                    ? targets.states[place].poolName : targets.pools[Int(slab[index].pool)].name,
            listener: listenerNames[origin.listener],
            serverName: serverName(of: index)?.description,
            backend: place < 0 ? nil : targets.states[place].name)
        // The one that failed last is the record's own.
        if origin.failed >= 0, Int(origin.failed) != place {
            names.firstFailed = .init(
                name: targets.states[Int(origin.failed)].name, address: targets.states[Int(origin.failed)].address)
        }
        lastRecord.names = names
    }
}
