import Reactor

/// What an operator has set for a backend while the balancer runs. It lasts until it is taken back, or until its time is over;
/// a reload of the configuration does not change it.
struct TargetSteering: Hashable, Sendable {
    /// What becomes of new clients and of checks.
    enum State: String, Hashable, Sendable {
        /// As configured.
        case ready
        /// It gets no new sessions; those that there are go on.
        case drain
        /// Likewise, and it is not checked.
        case maintain
        /// A drill: connects and checks have no answer.
        case silent
        /// A drill: connects and checks are refused.
        case refusing
    }

    /// A share that replaces the configured one.
    enum Weight: Hashable, Sendable {
        /// In percent of the configured one.
        case percent(Int32)
        case count(Int32)

        /// The weight that counts; a share of it is ``percent``, so that half of a weight of 1 is not lost.
        func of(_ configured: Int32) -> Int32 {
            switch self {
            case .count(let count): count
            case .percent(0): 0
            case .percent: configured
            }
        }

        /// How much of the weight counts, in percent.
        var percent: Int32 {
            if case .percent(let percent) = self, percent > 0 { percent } else { 100 }
        }
    }

    /// A limit that replaces the configured one.
    enum SessionsMax: Hashable, Sendable {
        case none
        case count(Int32)
    }

    var state = State.ready
    var weight: Weight?
    var sessionsMax: SessionsMax?
    /// Who has asked for it last.
    var asker = ""
    /// When each goes back by itself: CLOCK_MONOTONIC; nil for never.
    var stateEnd: Instant?
    var weightEnd: Instant?
    var sessionsMaxEnd: Instant?

    /// One of the three.
    enum Figure: String, Sendable {
        case state
        case weight
        case sessionsMax = "sessions_max"
    }

    /// When the first of them goes back.
    var end: Instant? { [stateEnd, weightEnd, sessionsMaxEnd].compactMap { $0 }.min() }

    /// The figure becomes what it is in `before`, for good.
    mutating func revert(_ figure: Figure, to before: TargetSteering?) {
        switch figure {
        case .state: (state, stateEnd) = (before?.state ?? .ready, nil)
        case .weight: (weight, weightEnd) = (before?.weight, nil)
        case .sessionsMax: (sessionsMax, sessionsMaxEnd) = (before?.sessionsMax, nil)
        }
    }

    /// As configured: there is nothing to remember.
    var isNothing: Bool { state == .ready && weight == nil && sessionsMax == nil }

    /// New sessions are kept away.
    var keepsClientsAway: Bool { state == .drain || state == .maintain }

    /// What of a configured weight counts.
    func weight(of configured: Int32) -> Int32 {
        keepsClientsAway ? 0 : weight.map { $0.of(configured) } ?? configured
    }

    /// The most sessions, where so many are configured; nil for no limit.
    func sessionsMax(of configured: Int32?) -> Int32? {
        switch sessionsMax {
        case nil: configured
        case .some(.none): nil
        case .count(let count): count
        }
    }
}

extension TargetEntry {
    /// How much of its weight an operator lets it have, in percent.
    var steeredPercent: Int32 { steering?.weight?.percent ?? 100 }

    /// What connects to it meet in a drill; ``TargetSteering/State/ready`` outside of one.
    var drill: TargetSteering.State {
        switch steering?.state {
        case .silent: .silent
        case .refusing: .refusing
        default: .ready
        }
    }
}
