import Foundation
import Synchronization
import Testing

/// Why a test cannot go on: what was waited for, where, and what had been seen by then.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ text: String, at location: SourceLocation) {
        description = "\(text) [\(location.fileName):\(location.line)]"
    }
}

/// A point in time by which something has to have happened.
struct Deadline: Sendable {
    private let instant: ContinuousClock.Instant

    init(within limit: Duration) {
        instant = .now + limit
    }

    var hasPassed: Bool { ContinuousClock.now >= instant }

    /// What is left as `poll` wants it: never negative, and rounded up so that the last turn does not spin.
    var millisecondsLeft: Int32 {
        let left = ContinuousClock.now.duration(to: instant)
        return left <= .zero ? 0 : Int32(clamping: Int(left / .milliseconds(1)) + 1)
    }
}

/// How long the polling helpers rest between two looks: short against every limit, cheap on a small machine.
private let pollingInterval: TimeInterval = 0.003

/// Looks at `value` again and again until it is there; throws once `limit` has passed.
///
/// - Parameter details: what to add to the failure: usually the lines seen so far.
func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(10), details: () -> String = { "" },
    at location: SourceLocation = #_sourceLocation, value: () throws -> Value?
) throws -> Value {
    let deadline = Deadline(within: limit)
    while true {
        // Read before the look: the last look comes after the limit, however late this thread was scheduled.
        let isLastLook = deadline.hasPassed
        if let value = try value() { return value }
        if isLastLook { throw TestFailure("not within \(limit): \(what)\n\(details())", at: location) }
        Thread.sleep(forTimeInterval: pollingInterval)
    }
}

/// Looks at `condition` again and again until it holds; throws once `limit` has passed.
func eventually(
    _ what: String, within limit: Duration = .seconds(10), details: () -> String = { "" },
    at location: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
) throws {
    let _: Void = try eventually(what, within: limit, details: details, at: location) {
        try condition() ? () : nil
    }
}

/// Watches for the whole `window` that `condition` keeps holding, and throws as soon as it does not.
///
/// Only for what must *not* happen: there is no event to wait for then, so the window is the price of the statement.
func remains(
    _ what: String, for window: Duration, details: () -> String = { "" },
    at location: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
) throws {
    let deadline = Deadline(within: window)
    repeat {
        guard try condition() else { throw TestFailure("did not last: \(what)\n\(details())", at: location) }
        Thread.sleep(forTimeInterval: pollingInterval)
    } while !deadline.hasPassed
}

/// Waits until `reading` has not changed for `calm`, and returns where it came to rest.
///
/// A machine that is too busy to look is too busy to change anything: half as many looks as fit into `calm` must have
/// seen the same.
func settled<Value: Equatable>(
    _ what: String, for calm: Duration, within limit: Duration = .seconds(20),
    at location: SourceLocation = #_sourceLocation, reading: () throws -> Value
) throws -> Value {
    let looksMin = Int(calm / .seconds(pollingInterval)) / 2
    var last = try reading()
    var since = ContinuousClock.now
    var looks = 0
    return try eventually("\(what) comes to rest", within: limit, at: location) {
        let next = try reading()
        if next != last {
            last = next
            since = .now
            looks = 0
        }
        looks += 1
        return ContinuousClock.now - since >= calm && looks >= looksMin ? last : nil
    }
}

/// Watches how late this machine is: a thread that asks for a short rest, and is woken later than that, tells of other
/// programs, or other machines on the same hardware, that had the processors. A bound on times is widened by that.
final class LatenessWatch: Sendable {
    private typealias Rest = (end: ContinuousClock.Instant, lateness: Duration)

    private static let rest: Duration = .milliseconds(10)
    private let late = Mutex<[Rest]>([])
    private let isOver = Atomic(false)

    init() {
        startThread(name: "lateness") { [self] in
            while !isOver.load(ordering: .relaxed) {
                let start = ContinuousClock.now
                Thread.sleep(forTimeInterval: Self.rest / .seconds(1))
                let end = ContinuousClock.now
                late.withLock { $0.append((end, end - start - Self.rest)) }
            }
        }
        TestScope.atEnd { [self] in isOver.store(true, ordering: .relaxed) }
    }

    /// How late it was between the two, at its latest.
    func lateness(from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) -> Duration {
        late.withLock { $0 }.filter { $0.end > start && $0.end - $0.lateness < end }
            .map(\.lateness).max() ?? .zero
    }
}
