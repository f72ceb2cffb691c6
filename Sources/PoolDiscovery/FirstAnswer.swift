import Balancer
import ConfigurationFile
import Discovery
import Reactor

extension DiscoveredPool {
    /// Asks once for the backends, and waits at most `time` for a name server; nil when there is no answer. A file is read as
    /// it is now.
    public func firstAnswer(besides own: [OwnAddress], within time: Duration) -> [Configuration.Backend]? {
        guard case .backends(let backends, _, _) = ask(.system(), besides: own, within: time) else { return nil }
        return backends
    }

    /// Asks name servers, or reads the file.
    func ask(
        _ servers: NameServerSettings, besides own: [OwnAddress], within time: Duration = NameClient.usualTime
    ) -> SourceAnswer {
        var client = NameClient(servers, families: families)
        // All of them are named first, and then cut off.
        client.bounds.targetsMax = Swift.max(client.bounds.targetsMax, max)
        client.bounds.endpointsMax = Limits.backendsMax
        switch source {
        case .addresses(let name, _): return answer(client.addresses(of: name, within: time), besides: own)
        case .services(let name): return answer(client.servers(of: name, within: time), besides: own)
        case .file(let path): return read(path, besides: own)
        }
    }

    /// Reads the list of backends at a path. The remarks are told with the answer.
    func read(_ path: String, remarks: [String] = [], besides own: [OwnAddress]) -> SourceAnswer {
        do throws(Mistakes) {
            return bounded(try BackendList.read(path, preferring: preferredFamily), remarks: remarks, besides: own)
        } catch {
            return .failed(Failure(kind: .file(error.description), reason: error.description))
        }
    }
}
