import CEpoll
import Glibc
import Reactor

@testable import Balancer

/// How much of the clock's time a loop may hold against its deadlines: what it meant to sleep at the most, and not what
/// it stood still for beyond that. See ``LoopCore``, "A stall is not paid for by deadlines".
struct Pace {
    /// When the loop meant to wake up at the latest, in the kernel's time; told after each turn.
    var planned = UInt64.max
    /// How far past that the clock was when it was last read.
    private(set) var overshoot: UInt64 = 0
    /// When the clock was last read.
    private var last: UInt64
    private var countedBefore: UInt64 = 0

    static let stallMin = LoopCore.stallMin.wholeNanoseconds

    init(now: UInt64) {
        last = now
    }

    /// What may have been counted up to `now`. What does not reach `stallMin` cannot be told from a late wake-up.
    func counted(at now: UInt64) -> UInt64 {
        let sleep = max(planned, last) - last
        return countedBefore + min(now - last, sleep.addingReportingOverflow(Self.stallMin).partialValue)
    }

    /// The clock is read.
    mutating func read(at now: UInt64) {
        let wakeUp = max(planned, last)
        overshoot = now > wakeUp ? now - wakeUp : 0
        countedBefore = counted(at: now)
        last = now
    }
}

// epoll_wait(2), the timerfd and the clock.
extension SimulatedKernel {
    /// A process that stands still is found so by its clock: a freeze may begin in a wait, or after it. The loop goes by
    /// the first reading of a turn; by another it only counts the length of a turn.
    func monotonicNanoseconds() -> UInt64 {
        guard isClockNews else { return nanoseconds }
        isClockNews = false
        freezeAtTimes()
        pace.read(at: nanoseconds)
        return nanoseconds
    }

    func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt {
        self.timer = nanoseconds
        timerSetting = nanoseconds
        return 0
    }

    /// The process stands still for up to a minute, and the network goes on.
    private func freezeAtTimes() {
        guard random.chance(faults.freezePercent) else { return }
        let longest = [Pace.stallMin, 5_000_000_000, 60_000_000_000][Int.random(in: 0..<3, using: &random)]
        nanoseconds += UInt64.random(in: 1...longest, using: &random)
        for _ in 0..<Int.random(in: 0...60, using: &random) { act() }
    }

    /// How many polls in a row are interrupted or full.
    private static let incompletePollsMax = 3

    func epollWait(_ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt) -> CInt {
        splicedInTurn.removeAll(keepingCapacity: true)
        for _ in 0..<Int.random(in: 1...8, using: &random) { act() }
        if milliseconds != 0 { freezeAtTimes() }
        // A loop puts its timers off for one that is complete, but not for ever: LoopCore.putOffMax.
        let mayBeIncomplete = incompletePolls < Self.incompletePollsMax
        incompletePolls += 1
        if mayBeIncomplete, random.chance(faults.interruptedPercent) { return -EINTR }
        if mayBeIncomplete, random.chance(faults.fullBatchPercent) {
            let few = Int.random(in: 0...4, using: &random)
            return CInt(unsafe write(collect(few), to: events, fill: true))
        }
        incompletePolls = 0
        var ready = collect(batchLimit())
        while ready.isEmpty && milliseconds != 0 {
            if !act() {
                precondition(timer != 0, "the balancer waits for ever")
                nanoseconds = max(nanoseconds, timer)
            }
            ready = collect(batchLimit())
        }
        return CInt(unsafe write(ready, to: events, fill: false))
    }

    /// Before its deadlines a loop takes no notice of what a poll has left behind, so that events may come one by one;
    /// afterwards a poll that has room returns all that there is.
    private func batchLimit() -> Int {
        nanoseconds < timerSetting ? Int.random(in: 1...6, using: &random) : .max
    }

    private typealias Ready = (data: UInt64, readiness: UInt32)

    /// Writes the events, and where `fill` is true spurious ones of the timer until there is no more room.
    private func write(
        _ ready: [Ready], to events: UnsafeMutableBufferPointer<epoll_event>, fill: Bool
    ) -> Int {
        precondition(ready.count < events.count, "the batch would look full")
        for (place, event) in ready.enumerated() {
            unsafe cepoll_event_set(&events[place], event.readiness, event.data)
        }
        guard fill else { return ready.count }
        for place in ready.count..<events.count { unsafe cepoll_event_set(&events[place], CEPOLL_IN, timerData) }
        return events.count
    }

    /// The events that are due, at most `limit`, in any order.
    private func collect(_ limit: Int) -> [Ready] {
        var ready: [Ready] = []
        if ready.count < limit, timer != 0, timer <= nanoseconds {
            timer = 0
            ready.append((timerData, CEPOLL_IN))
        }
        for listener in listeners where ready.count < limit && listener.isSignalled {
            listener.isSignalled = false
            ready.append((listener.data, CEPOLL_IN))
        }
        for event in wakers where ready.count < limit && event.isSignalled {
            event.isSignalled = false
            ready.append((event.data, CEPOLL_IN))
        }
        if ready.count < limit, signals.takeEvent() { ready.append((signals.data, CEPOLL_IN)) }
        let start = Int.random(in: 0...live.count, using: &random)
        for place in 0..<live.count where ready.count < limit {
            let socket = live[(start + place) % live.count]
            guard let data = socket.data else { continue }
            guard socket.isSignalled || random.chance(faults.spuriousPercent) else { continue }
            socket.isSignalled = false
            guard socket.readiness != 0 else { continue }
            socket.lastHeard = pace.counted(at: nanoseconds)
            ready.append((data, socket.readiness))
        }
        ready.shuffle(using: &random)
        return ready
    }
}
