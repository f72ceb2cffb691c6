import Foundation
import Synchronization
import Testing

/// The reason why a test cannot continue: the awaited condition, the place in the test, and the output so far.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ text: String, at location: SourceLocation) {
        description = "\(text) [\(location.fileName):\(location.line)]"
    }
}

/// The time limit of an operation.
struct Deadline: Sendable {
    private let instant: ContinuousClock.Instant

    init(within limit: Duration) {
        instant = .now + limit
    }

    var hasPassed: Bool { ContinuousClock.now >= instant }

    /// The time left in milliseconds for `poll`: never negative, and rounded up so that the last wait does not spin.
    var millisecondsLeft: Int32 {
        let left = ContinuousClock.now.duration(to: instant)
        return left <= .zero ? 0 : Int32(clamping: Int(left / .milliseconds(1)) + 1)
    }
}

/// The pause between two checks of the polling helpers in seconds: short compared with every limit, and cheap enough
/// for a small machine.
private let pollingInterval: TimeInterval = 0.003

/// Calls `value` repeatedly until it returns a value; throws once `limit` has passed.
///
/// - Parameter details: Text to add to the failure, usually the lines seen so far.
func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(10), details: () -> String = { "" },
    at location: SourceLocation = #_sourceLocation, value: () throws -> Value?
) throws -> Value {
    let deadline = Deadline(within: limit)
    while true {
        // Read before the check, so that the last check comes after the limit, however late this thread is scheduled.
        let isLastLook = deadline.hasPassed
        if let value = try value() { return value }
        if isLastLook { throw TestFailure("not within \(limit): \(what)\n\(details())", at: location) }
        Thread.sleep(forTimeInterval: pollingInterval)
    }
}

/// Checks `condition` repeatedly until it holds; throws once `limit` has passed.
func eventually(
    _ what: String, within limit: Duration = .seconds(10), details: () -> String = { "" },
    at location: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
) throws {
    let _: Void = try eventually(what, within: limit, details: details, at: location) {
        try condition() ? () : nil
    }
}

/// Checks during the whole `window` that `condition` holds, and throws as soon as it does not.
///
/// Only for things that must *not* happen: there is no event to wait for, so the test takes the whole window.
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

/// Waits until `reading` has not changed for `calm`, and returns its value.
///
/// On a machine too busy for this thread to check, other programs may be delayed too: so at least half as many checks
/// as fit into `calm` must have seen the same value.
func settled<Value: Equatable>(
    _ what: String, for calm: Duration, within limit: Duration = .seconds(20),
    at location: SourceLocation = #_sourceLocation, reading: () throws -> Value
) throws -> Value {
    let looksMin = Int(calm / .seconds(pollingInterval)) / 2
    var last = try reading()
    var since = ContinuousClock.now
    var looks = 0
    return try eventually("\(what) stops changing", within: limit, at: location) {
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

/// Measures scheduling delays: a thread sleeps for a short time and is woken late when other programs, or other
/// machines on the same hardware, use the processors. Tests add that delay to their time limits.
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

    /// The longest delay between the two instants.
    func lateness(from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) -> Duration {
        late.withLock { $0 }.filter { $0.end > start && $0.end - $0.lateness < end }
            .map(\.lateness).max() ?? .zero
    }
}
