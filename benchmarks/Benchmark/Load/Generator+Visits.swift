import CEpoll
import Reactor

/// What is due at instants fixed beforehand: the requests of an open loop, and the short connections beside the work.
extension Generator {
    /// Short connections that are begun in a turn at most: after a delay many are due, and the work has its share too.
    private static let visitsPerTurn = 16

    /// The measured window, in nanoseconds; nil before it has begun.
    var window: Range<UInt64>? {
        guard stage == .measuring || stage == .finishing else { return nil }
        return meter.began.nanoseconds..<(meter.began + .seconds(plan.seconds)).nanoseconds
    }

    /// True when every request and short connection that was due in the window has been served.
    var hasServedAllDue: Bool {
        let end = window?.upperBound ?? 0
        if plan.work == .openLoop {
            guard free.count == connections.count - visiting, (arrivals?.next ?? 0) >= end else { return false }
        }
        guard let visits else { return true }
        return visiting == 0 && visits.next >= end
    }

    /// Ends a run in which something that was due has no answer yet. Short connections beside the work then count with
    /// the time that they have waited so far; the work itself has failed.
    mutating func giveUpUnanswered() {
        guard core.now >= deadline, let window else { return }
        guard plan.work != .up, plan.work != .openLoop, plan.work != .herd else {
            return giveUp("not answered in time")
        }
        let now = clock.now().nanoseconds
        for index in connections.indexRange where connections.isTaken(index) && connections[index].isVisitBeside {
            let began = connections[index].began
            if window.contains(began) { visitLatencies.record(now - began) }
        }
        while let due = visits?.take(now: now, before: window.upperBound) {
            if window.contains(due) { visitLatencies.record(now - due) }
        }
        finish()
    }

    /// Begins what is due, and sets the timer for what is next.
    mutating func issue() {
        guard stage != .done else { return }
        issueRequests()
        issueVisits()
        // A busy loop's next request waits for a free connection, of which an event tells.
        let request = free.isEmpty ? nil : arrivals?.next
        let visit = visiting < LoadPlan.visitsMax && connecting < Self.connectingMax ? visits?.next : nil
        guard let next = [request, visit].compactMap(\.self).min() else { return }
        _ = cepoll_timer_set(pacer.rawValue, next)
    }

    /// Gives each free connection of an open loop the next request, if one is due.
    private mutating func issueRequests() {
        guard arrivals != nil else { return }
        let end = window?.upperBound ?? .max
        while stage != .done, let index = free.last {
            let now = clock.now().nanoseconds
            guard let due = arrivals?.take(now: now, before: end) else { return }
            free.removeLast()
            connections[index].target += UInt64(plan.messageBytes)
            connections[index].began = due
            exchange(index)
        }
    }

    private mutating func issueVisits() {
        guard visits != nil else { return }
        let end = window?.upperBound ?? .max
        for _ in 0..<Self.visitsPerTurn {
            guard visiting < LoadPlan.visitsMax, connecting < Self.connectingMax, stage != .done,
                let due = visits?.take(now: clock.now().nanoseconds, before: end),
                open(.visit, isMeasured: false, due: due)
            else { return }
        }
    }

    /// Records the latency of an exchange that began, or was due, in the window, and counts it.
    mutating func record(_ index: Int, _ now: UInt64) {
        let began = connections[index].began
        if connections[index].isVisitBeside {
            if window?.contains(began) == true { visitLatencies.record(now - began) }
        } else if connections[index].isMeasured {
            if isCounting { units += 1 }
            // What was due in the window counts, whenever it was answered.
            let isTimed = plan.work == .openLoop || plan.work == .herd
            if isTimed, let window {
                if window.contains(began) { latencies.record(now - began) }
            } else if isCounting {
                latencies.record(now - began)
            }
        }
    }
}
