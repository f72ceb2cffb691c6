import TestSupport
import Testing

@testable import Reactor

private let millisecond: UInt64 = 1_000_000
private let second: UInt64 = 1_000 * millisecond
private let hour: UInt64 = 3_600 * second
private let year: UInt64 = 365 * 24 * hour

private func ticksUp(_ nanoseconds: UInt64) -> UInt64 { (nanoseconds + millisecond - 1) / millisecond }

extension TimerWheel {
    /// Everything that is due, in the order in which it comes.
    fileprivate mutating func popAll(now: UInt64) -> [Token] {
        var tokens: [Token] = []
        repeat {
            while let token = popDue(now: Instant(nanoseconds: now)) { tokens.append(token) }
        } while nextDeadline.map { $0.nanoseconds <= now } ?? false
        return tokens
    }
}

private func token(_ number: Int) -> Token { Token(kind: 0, index: number) }

@Suite struct TimerWheelTests {
    /// Delays on both sides of every border of the levels.
    static let delays: [UInt64] = {
        var delays: [UInt64] = [0, 1, millisecond - 1, millisecond, millisecond + 1]
        for level in 1...6 {
            let slot = millisecond << UInt64(6 * level)
            delays += [slot - 1, slot, slot + 1, slot - millisecond, slot + millisecond, 63 * slot / 64 * 63]
        }
        return delays
    }()

    /// Starts on both sides of the borders, the last at 17 years, where the highest level has come round.
    static let starts: [UInt64] = [0, 1, 63, 64, 4_095, 4_096, (1 << 30) - 1, 1 << 30, (1 << 36) - 1, 1 << 36, 1 << 39]
        .map { $0 * millisecond }

    @Test(arguments: starts) func firesAtTheDeadlineAndNotBefore(start: UInt64) throws {
        for delay in Self.delays {
            for skew in [0, 1, millisecond - 1] {
                let now = start + skew
                var wheel = TimerWheel(capacity: 1, now: Instant(nanoseconds: now))
                let timer = wheel.add(token(1))
                let deadline = now + delay
                wheel.arm(timer, at: Instant(nanoseconds: deadline))
                if deadline > now {
                    #expect(wheel.popAll(now: deadline - 1) == [], "start \(now), delay \(delay)")
                }
                let due = ticksUp(deadline) * millisecond
                #expect(wheel.popAll(now: due) == [token(1)], "start \(now), delay \(delay)")
                #expect(wheel.nextDeadline == nil)
                #expect(wheel.popAll(now: due + year) == [])
            }
        }
    }

    @Test func aTimerThatWasNeverArmedDoesNotFire() throws {
        var wheel = TimerWheel(capacity: 2, now: Instant(nanoseconds: 0))
        _ = wheel.add(token(1))
        #expect(wheel.nextDeadline == nil)
        #expect(wheel.popAll(now: year) == [])
    }

    @Test func aDeadlineInThePastFiresAtOnce() throws {
        var wheel = TimerWheel(capacity: 2, now: Instant(nanoseconds: hour))
        let timer = wheel.add(token(1))
        wheel.arm(timer, at: Instant(nanoseconds: 0))
        #expect(try #require(wheel.nextDeadline as Instant?).nanoseconds <= hour)
        #expect(wheel.popAll(now: hour) == [token(1)])
    }

    @Test func armingAgainMovesTheDeadline() throws {
        var wheel = TimerWheel(capacity: 2, now: Instant(nanoseconds: 0))
        let timer = wheel.add(token(1))
        wheel.arm(timer, at: Instant(nanoseconds: hour))
        wheel.arm(timer, at: Instant(nanoseconds: second))
        wheel.arm(timer, at: Instant(nanoseconds: 2 * second))
        #expect(wheel.popAll(now: second) == [])
        #expect(wheel.popAll(now: 2 * second) == [token(1)])
        #expect(wheel.popAll(now: year) == [])
    }

    @Test func aTimerThatIsDueCanStillBeDisarmed() throws {
        var wheel = TimerWheel(capacity: 3, now: Instant(nanoseconds: 0))
        let timers = (0..<3).map { wheel.add(token($0)) }
        for timer in timers { wheel.arm(timer, at: Instant(nanoseconds: second)) }
        let first = try #require(wheel.popDue(now: Instant(nanoseconds: second)) as Token?)
        let left = [0, 1, 2].filter { token($0) != first }
        wheel.disarm(timers[left[0]])
        #expect(wheel.popAll(now: second) == [token(left[1])])
    }

    @Test func timersMayBeArmedWhileOthersArePopped() throws {
        var wheel = TimerWheel(capacity: 2, now: Instant(nanoseconds: 0))
        let timer = wheel.add(token(1))
        var fired = 0
        wheel.arm(timer, at: Instant(nanoseconds: second))
        while wheel.popDue(now: Instant(nanoseconds: 10 * second)) != nil {
            fired += 1
            if fired < 5 { wheel.arm(timer, at: Instant(nanoseconds: UInt64(fired + 1) * second)) }
        }
        #expect(fired == 5)
    }

    @Test func aWheelGrowsBeyondItsReserveAndReusesWhatWasRemoved() throws {
        var wheel = TimerWheel(capacity: 1, now: Instant(nanoseconds: 0))
        let first = wheel.add(token(1))
        wheel.arm(first, at: Instant(nanoseconds: 3 * millisecond))
        let others = (2...40).map { wheel.add(token($0)) }
        #expect(Set(others + [first]).count == 40)
        #expect(wheel.popAll(now: 4 * millisecond) == [token(1)])
        wheel.arm(first, at: Instant(nanoseconds: 5 * millisecond))
        wheel.remove(first)
        wheel.remove(.none)
        let third = wheel.add(token(3))
        #expect(third == first, "the place of a removed timer serves the next")
        #expect(wheel.popAll(now: hour) == [])
        wheel.arm(third, at: Instant(nanoseconds: 0))
        #expect(wheel.popAll(now: hour) == [token(3)])
    }

    @Test func anUnreachableDeadlineDoesNotFire() throws {
        var wheel = TimerWheel(capacity: 1, now: Instant(nanoseconds: second))
        let timer = wheel.add(token(1))
        for deadline: UInt64 in [.max, .max - 1, .max - millisecond, .max / 2] {
            wheel.arm(timer, at: Instant(nanoseconds: deadline))
            #expect(wheel.popAll(now: hour) == [], "deadline \(deadline)")
            #expect(try #require(wheel.nextDeadline as Instant?).nanoseconds > hour)
        }
    }

    @Test func theNoneTimerIsNeverArmedAndDisarmedInVain() async {
        var wheel = TimerWheel(capacity: 1, now: Instant(nanoseconds: second))
        wheel.disarm(.none)
        #expect(wheel.nextDeadline == nil)
        await #expect(processExitsWith: .failure) {
            var wheel = TimerWheel(capacity: 1, now: Instant(nanoseconds: 0))
            wheel.arm(.none, at: Instant(nanoseconds: 0))
        }
    }

    @Test func aTimerRemovedTwiceIsATrap() async {
        await #expect(processExitsWith: .failure) {
            var wheel = TimerWheel(capacity: 2, now: Instant(nanoseconds: 0))
            let timer = wheel.add(Token(kind: 0, index: 0))
            wheel.remove(timer)
            wheel.remove(timer)
        }
        await #expect(processExitsWith: .failure) {
            var wheel = TimerWheel(capacity: 2, now: Instant(nanoseconds: 0))
            let timer = wheel.add(Token(kind: 0, index: 0))
            wheel.remove(timer)
            wheel.arm(timer, at: Instant(nanoseconds: 0))
        }
    }

    @Test func tenThousandTimersFireInTheirMillisecond() throws {
        var random = Randomness(seed: Seeds.all[0])
        let count = 10_000
        var wheel = TimerWheel(capacity: count, now: Instant(nanoseconds: 0))
        var deadlines: [UInt64] = []
        for number in 0..<count {
            let timer = wheel.add(token(number))
            let deadline = UInt64.random(in: 0...(10 * second), using: &random)
            wheel.arm(timer, at: Instant(nanoseconds: deadline))
            deadlines.append(deadline)
        }
        var fired = 0
        for tick in 0...10_000 {
            let now = UInt64(tick) * millisecond
            for token in wheel.popAll(now: now) {
                fired += 1
                guard ticksUp(deadlines[token.index]) == UInt64(tick) else {
                    Issue.record("SEED=\(Seeds.all[0]): due at \(deadlines[token.index]) ns, fired at \(now) ns")
                    return
                }
            }
        }
        #expect(fired == count)
        #expect(wheel.nextDeadline == nil)
    }

    /// A slot of any level that is full of timers is taken apart in steps of a bounded length, between which `nextDeadline`
    /// says that there is more to do; timers that are armed and disarmed meanwhile keep their deadlines.
    @Test(arguments: [5 * second, 300 * second, 5 * hour]) func aFullSlotIsTakenApartInSteps(delay: UInt64) throws {
        let count = 3 * TimerWheel.movesMax
        let start = 4_711 * second
        var wheel = TimerWheel(capacity: count, now: Instant(nanoseconds: start))
        let timers = (0..<count).map { wheel.add(token($0)) }
        for timer in timers { wheel.arm(timer, at: Instant(nanoseconds: start + delay)) }
        let early = wheel.add(token(count))
        var now = start
        var pauses = 0
        var fired: [Int] = []
        while let next = wheel.nextDeadline {
            if next.nanoseconds <= now, fired.isEmpty {
                pauses += 1
                if pauses == 1 {
                    wheel.disarm(timers[0])
                    wheel.disarm(timers[count - 1])
                    wheel.arm(early, at: Instant(nanoseconds: now + millisecond))
                }
            }
            now = max(now, next.nanoseconds)
            while let token = wheel.popDue(now: Instant(nanoseconds: now)) {
                #expect(token.index == count || now == start + delay)
                fired.append(token.index)
            }
        }
        #expect(pauses >= 2, "every level takes more than one step")
        #expect(fired.first == count)
        #expect(Set(fired) == Set(1..<(count - 1)).union([count]) && fired.count == count - 1)
    }

    /// Those that are armed again at once, for a time that has passed, keep no others waiting.
    @Test func lateTimersAndSlotsTakeTurns() throws {
        var wheel = TimerWheel(capacity: 20, now: Instant(nanoseconds: 0))
        let late = wheel.add(token(0))
        wheel.arm(late, at: Instant(nanoseconds: 0))
        for number in 1...10 {
            let timer = wheel.add(token(number))
            wheel.arm(timer, at: Instant(nanoseconds: UInt64(number) * 100 * millisecond))
        }
        var left = Set(1...10)
        for _ in 0..<100 where !left.isEmpty {
            guard let token = wheel.popDue(now: Instant(nanoseconds: second)) else { break }
            if token.index == 0 { wheel.arm(late, at: Instant(nanoseconds: 0)) } else { left.remove(token.index) }
        }
        #expect(left.isEmpty)
    }

    @Test(arguments: Seeds.all) func behavesLikeASortedList(seed: UInt64) throws {
        var random = Randomness(seed: seed)
        var now = Self.starts.randomElement(using: &random) ?? 0
        // So small a reserve is outgrown several times in a run.
        var wheel = TimerWheel(capacity: 3, now: Instant(nanoseconds: now))
        var timers: [Int: TimerID] = [:]
        var numbers: [Int] = []
        var armed: [Int: UInt64] = [:]
        var made = 0

        for step in 0..<3_000 {
            let context = Comment(rawValue: "SEED=\(seed), step \(step)")
            switch random.next() % 8 {
            case 0:
                timers[made] = wheel.add(token(made))
                numbers.append(made)
                made += 1
            case 1...3:
                guard let place = random.place(in: numbers.count) else { continue }
                let number = numbers[place]
                let timer = timers[number] ?? .none
                let deadline = Self.deadline(from: now, &random)
                wheel.arm(timer, at: Instant(nanoseconds: deadline))
                armed[number] = deadline
            case 4:
                guard let place = random.place(in: numbers.count) else { continue }
                let number = numbers[place]
                let timer = timers[number] ?? .none
                wheel.disarm(timer)
                armed[number] = nil
            case 5 where random.oneIn(2):
                guard let place = random.place(in: numbers.count) else { continue }
                let number = numbers.remove(at: place)
                wheel.remove(timers.removeValue(forKey: number) ?? .none)
                armed[number] = nil
            default:
                now += Self.jump(&random)
                while let token = wheel.popDue(now: Instant(nanoseconds: now)) {
                    let deadline = try #require(armed.removeValue(forKey: token.index) as UInt64?, context)
                    try #require(deadline <= now, context)
                    if random.oneIn(4), let timer = timers[token.index] {
                        let deadline = Self.deadline(from: now, &random) + millisecond
                        wheel.arm(timer, at: Instant(nanoseconds: deadline))
                        armed[token.index] = deadline
                    }
                }
                let overdue = armed.values.filter { ticksUp($0) <= now / millisecond }
                try #require(overdue.isEmpty, context)
            }
            try Self.checkNextDeadline(wheel.nextDeadline, armed, now: now, context)
        }
        try Self.followToTheEnd(&wheel, &armed, from: now, seed: seed)
    }

    /// Never later than the earliest deadline, rounded up to a millisecond; when that has passed, not in the future. There
    /// may be one without a timer, after a disarm.
    private static func checkNextDeadline(
        _ next: Instant?, _ armed: [Int: UInt64], now: UInt64, _ context: Comment
    ) throws {
        try #require(next != nil || armed.isEmpty, context)
        if let next, let earliest = armed.values.min() {
            try #require(next.nanoseconds <= max(now, ticksUp(earliest) * millisecond), context)
        }
    }

    /// A loop that sleeps exactly until `nextDeadline` sees every timer in its millisecond, gets on with each turn, and
    /// soon is done.
    private static func followToTheEnd(
        _ wheel: inout TimerWheel, _ armed: inout [Int: UInt64], from start: UInt64, seed: UInt64
    ) throws {
        var now = start
        var turns = 0
        let farthest = (armed.values.max() ?? now) - min(now, armed.values.max() ?? now)
        // One turn per level for each timer, and one for each round of the wheel.
        let turnsMax = armed.count * (TimerWheel.levels + 1 + Int(farthest / year))
        while let next = wheel.nextDeadline {
            let context = Comment(rawValue: "SEED=\(seed), turn \(turns) at \(now) ns, next \(next.nanoseconds) ns")
            try #require(turns == 0 || next.nanoseconds > now, context)
            now = max(now, next.nanoseconds)
            while let token = wheel.popDue(now: Instant(nanoseconds: now)) {
                let deadline = try #require(armed.removeValue(forKey: token.index) as UInt64?, context)
                try #require(deadline <= now && (now == start || now == ticksUp(deadline) * millisecond), context)
            }
            turns += 1
            try #require(turns <= turnsMax + 1, context)
        }
        #expect(armed.isEmpty, "SEED=\(seed)")
    }

    private static func deadline(from now: UInt64, _ random: inout Randomness) -> UInt64 {
        switch random.next() % 10 {
        case 0: now
        case 1: now - min(now, UInt64.random(in: 0...hour, using: &random))
        case 2: now + UInt64.random(in: 0...(2 * millisecond), using: &random)
        case 3: now + UInt64.random(in: 0...(64 * millisecond), using: &random)
        case 4: now + (delays.randomElement(using: &random) ?? 0)
        case 5: now + UInt64.random(in: 0...(5 * second), using: &random)
        case 6: now + UInt64.random(in: 0...(300 * second), using: &random)
        case 7: now + UInt64.random(in: 0...(5 * hour), using: &random)
        case 8: now + UInt64.random(in: 0...(3 * year), using: &random)
        default: now + UInt64.random(in: 0...(20 * year), using: &random)
        }
    }

    private static func jump(_ random: inout Randomness) -> UInt64 {
        switch random.next() % 10 {
        case 0: 0
        case 1: 1
        case 2: millisecond
        case 3: 64 * millisecond
        case 4: UInt64.random(in: 0...(100 * millisecond), using: &random)
        case 5: UInt64.random(in: 0...(5 * second), using: &random)
        case 6: UInt64.random(in: 0...(300 * second), using: &random)
        case 7: 4_096 * millisecond
        case 8: UInt64.random(in: 0...(5 * hour), using: &random)
        default: random.oneIn(10) ? UInt64.random(in: 0...(3 * year), using: &random) : second
        }
    }
}
