/// What the probes of a backend at its present address have shown, beside the verdict of its ``Health``.
///
/// A verdict takes several failures, and before the first probe it is a guess. What must not wait for it is here: a
/// single failed probe makes connections that are held ready doubtful, and a backend that has never answered is no
/// reason to call the balancer healthy.
struct ProbeHistory: Hashable, Sendable {
    /// The result of a probe that could be made.
    enum Outcome: Hashable {
        case succeeded, failed
    }

    /// The last result; nil before the first.
    private(set) var last: Outcome?
    /// A probe has succeeded.
    private(set) var hasSucceeded = false
    /// How often a failure followed a success, or was the first result. A reader that compares it with an older one
    /// learns of a failure that is over already.
    private(set) var failureRuns: UInt32 = 0
    /// How many suspicions of clients the last successful probe has answered that answered any: see ``Suspicion``.
    private(set) var suspicionsAnswered: UInt32 = 0
    /// Probes can be made. False when they could not, for as many intervals as failures take a backend down.
    var canProbe = true

    mutating func record(_ outcome: Outcome) {
        if outcome == .failed, last != .failed { failureRuns &+= 1 }
        if outcome == .succeeded { hasSucceeded = true }
        last = outcome
        canProbe = true
    }

    /// A probe has succeeded that began after so many suspicions.
    mutating func answer(suspicions: UInt32) { suspicionsAnswered = suspicions }

    /// The backend has another address, of which nothing is known.
    mutating func forget() {
        last = nil
        hasSucceeded = false
        canProbe = true
    }
}
