import AdministrationAPI
import Reactor

// What only metrics tell.
extension Inspector {
    /// What only metrics tell.
    public func measurements() -> Measurements {
        guard let running = access.running else {
            return Measurements(turns: TurnLengths.distribution([]))
        }
        let roster = running.shared.roster.current()
        var measurements = Measurements(turns: TurnLengths.distribution(running.shared.turns))
        measurements.startedSeconds = Double(running.startTime) / 1e9
        measurements.wasLastReloadSuccessful = access.recorder.wasLastReloadTakenOver
        measurements.logLinesLostTotal = UInt64(access.recorder.lostLines.lines)
        for listener in roster.listeners {
            measurements.acceptPausedSecondsTotal[listener.settings.name] = Self.seconds(
                listener.counters[.pausedNanoseconds])
        }
        for pool in roster.pools {
            measurements.queueWaits[pool.name] = Self.distribution(
                .queueWaits, pool.shared.counters[times: .queueWaits])
            for target in pool.targets {
                let place = BackendReference(pool: pool.name, backend: target.name)
                measurements.connects[place] = Self.distribution(.connects, target.counters[times: .connects])
                measurements.durations[place] = Self.distribution(.durations, target.counters[times: .durations])
            }
        }
        return measurements
    }

    private static func distribution(
        _ distribution: Distribution, _ counts: DistributionCounts
    ) -> Measurements.Distribution {
        Measurements.Distribution(
            bounds: distribution.bounds.map(seconds), counts: counts.buckets,
            sumSeconds: Double(counts.sumMicroseconds) / 1e6)
    }
}

extension TurnLengths {
    /// The bounds of what metrics tell of turns, in nanoseconds: powers of two from 16 us on, which are bounds of buckets.
    private static let bounds: [UInt64] = (4...20).map { 1 << ($0 + 10) }

    /// The turns of several loops.
    static func distribution(_ loops: [TurnLengths]) -> Measurements.Distribution {
        var counts = [UInt64](repeating: 0, count: bounds.count + 1)
        for loop in loops {
            for (bucket, count) in loop.counts().enumerated() where count > 0 {
                let place = bounds.firstIndex { end(ofBucket: bucket) <= $0 } ?? bounds.count
                counts[place] &+= count
            }
        }
        return Measurements.Distribution(
            bounds: bounds.map { Double($0) / 1e9 }, counts: counts,
            sumSeconds: loops.reduce(0) { $0 + Double($1.totalNanoseconds) / 1e9 })
    }
}
