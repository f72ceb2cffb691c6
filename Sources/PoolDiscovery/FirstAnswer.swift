import Balancer
import ConfigurationFile
import Discovery
import Reactor

extension DiscoveredPool {
    /// Asks once for the backends, and waits at most `time` for a name server; nil when there is no answer. A file is read as
    /// it is now.
    public func firstAnswer(besides own: [OwnAddress], within time: Duration) -> [Configuration.Backend]? {
        var client = NameClient(.system(), families: families)
        client.bounds.targetsMax = Swift.max(client.bounds.targetsMax, max)
        client.bounds.endpointsMax = Limits.backendsMax
        let answer: SourceAnswer
        switch source {
        case .addresses(let name, _): answer = self.answer(client.addresses(of: name, within: time), besides: own)
        case .services(let name): answer = self.answer(client.servers(of: name, within: time), besides: own)
        case .file(let path):
            do throws(Mistakes) {
                answer = bounded(try BackendList.read(path, preferring: preferredFamily), besides: own)
            } catch {
                return nil
            }
        }
        guard case .backends(let backends, _, _) = answer else { return nil }
        return backends
    }
}
