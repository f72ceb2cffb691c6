import AdministrationAPI
import Balancer
import Reactor
import Wording

/// A backend that an operator adds while the balancer runs.
public enum AddedBackend {
    /// Reads it as a file would; the refusal says what is needed. Of a name with addresses of both families one of `family` is
    /// taken: AF_INET or AF_INET6.
    public static func read(_ wanted: NewBackend, preferring family: CInt) -> Result<Configuration.Backend, Refusal> {
        do throws(ArgumentFault) {
            return .success(try backend(wanted, family))
        } catch {
            return .failure(Refusal(error: "\(error)", kind: .invalid))
        }
    }

    private static func backend(
        _ wanted: NewBackend, _ family: CInt
    ) throws(ArgumentFault) -> Configuration.Backend {
        let weight = wanted.weight ?? 1
        guard (0...Int(Limits.weightMax)).contains(weight) else {
            throw ArgumentFault("weight \(weight): 0 to \(Limits.weightMax) is needed")
        }
        if let name = wanted.name, let fault = ScalarReader.wrongName(name) {
            throw ArgumentFault("name '\(name)': \(fault)")
        }
        let address: BackendAddress
        do throws(ArgumentFault) { address = try AddressForms.backend(wanted.address) } catch {
            throw ArgumentFault("address '\(wanted.address)': \(error)")
        }
        if let known = address.address {
            return Configuration.Backend(address: known, label: wanted.name, weight: Int32(weight))
        }
        return Configuration.Backend(
            name: HostName(host: address.host.text, port: address.port.rawValue, preferredFamily: family),
            address: nil, label: wanted.name, weight: Int32(weight))
    }
}
