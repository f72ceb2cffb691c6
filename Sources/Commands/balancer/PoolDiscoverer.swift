import Balancer
import ConfigurationFile
import PoolDiscovery
import Reactor

/// Keeps the discovered pools of the configuration in force up to date. Without such pools it has no thread.
///
/// Unchecked `Sendable`: what changes is only accessed with the lock held.
final class PoolDiscoverer: @unchecked Sendable {
    private let lock = Lock()
    private var discoverer: Discoverer?

    /// How long a start waits for the first answers. Usually they come within milliseconds, and then the first client finds
    /// backends; a dead name server must not keep the other pools from being served.
    private static let startDelayMax = Duration.seconds(1)

    /// Takes over the pools of a configuration that the loops have.
    func update(_ document: Document, _ configuration: Configuration, _ channel: ControlChannel) {
        lock.lock()
        defer { lock.unlock() }
        let pools = document.discoveredPools
        guard discoverer != nil || !pools.isEmpty else { return }
        do throws(SystemCallError) {
            if discoverer == nil { discoverer = try Discoverer(channel) }
            discoverer?.update(
                pools, besides: configuration.listeners.map { OwnAddress($0.address, isIPv6Only: $0.isIPv6Only) })
        } catch {
            for pool in pools { channel.post(.undiscovered(pool: pool.name, reason: error.description)) }
        }
    }

    /// Waits for the first answers, for a moment.
    func waitForFirstAnswers() {
        lock.lock()
        let discoverer = discoverer
        lock.unlock()
        discoverer?.waitForFirstAnswers(atMost: Self.startDelayMax)
    }

    /// Asks for all pools at once.
    func wake() {
        lock.lock()
        defer { lock.unlock() }
        discoverer?.wake()
    }
}
