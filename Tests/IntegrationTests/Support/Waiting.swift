import Foundation
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
func settled<Value: Equatable>(
    _ what: String, for calm: Duration, within limit: Duration = .seconds(20),
    at location: SourceLocation = #_sourceLocation, reading: () throws -> Value
) throws -> Value {
    var last = try reading()
    var since = ContinuousClock.now
    return try eventually("\(what) comes to rest", within: limit, at: location) {
        let next = try reading()
        if next != last {
            last = next
            since = .now
        }
        return ContinuousClock.now - since >= calm ? last : nil
    }
}
