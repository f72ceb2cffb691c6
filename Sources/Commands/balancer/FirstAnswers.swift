import Balancer
import ConfigurationFile
import PoolDiscovery
import Reactor

/// What is found out before a new configuration is taken over: addresses of new names, and backends of new discovered pools.
/// Otherwise the first clients after a reload would find pools without backends.
enum FirstAnswers {
    /// How long that may take in all. A name server that is silent must not hold a reload back for longer; what it has not
    /// told is found out by the running balancer.
    static let timeMax = Duration.seconds(3)

    /// `wanted` with what could be found out. What `before` has already is not asked for: it stays.
    static func complete(
        _ wanted: Configuration, _ discovered: [DiscoveredPool], besides before: Configuration
    ) -> Configuration {
        let deadline = Clock.monotonic.now() + timeMax
        let own = wanted.listeners.map { OwnAddress($0.address, isIPv6Only: $0.isIPv6Only) }
        let known = Dictionary(before.pools.map { ($0.name, $0) }) { first, _ in first }
        let pools = wanted.pools.map { pool in
            if pool.isDiscovered {
                let isNew = known[pool.name] == nil
                let source = isNew ? discovered.first { $0.name == pool.name } : nil
                return source?.firstAnswer(besides: own, within: left(deadline)).map(pool.with) ?? pool
            }
            let old = Set(known[pool.name]?.backends ?? [])
            return pool.with(pool.backends.map { old.contains($0) ? $0 : resolved($0, deadline) })
        }
        // What was found may not fit, such as a name that leads to the balancer itself: the probes will tell.
        do throws(ConfigurationError) {
            return try wanted.with(pools)
        } catch {
            return wanted
        }
    }

    private static func left(_ deadline: Instant) -> Duration {
        let now = Clock.monotonic.now()
        return now < deadline ? deadline - now : .zero
    }

    private static func resolved(_ backend: Configuration.Backend, _ deadline: Instant) -> Configuration.Backend {
        guard let name = backend.name, backend.address == nil, left(deadline) > .zero else { return backend }
        let addresses: [SocketAddress]
        do throws(ResolverError) { addresses = try BackgroundResolver.system(name) } catch { return backend }
        return .init(
            name: name, address: name.choose(from: addresses), sessionsMax: backend.sessionsMax, label: backend.label,
            weight: backend.weight, isBackup: backend.isBackup)
    }
}
