import AdministrationAPI
import Balancer
import Reactor
import Wording

/// A backend that an operator adds while the balancer runs.
public enum AddedBackend {
    /// Reads it as a file would; the refusal says what is needed.
    public static func read(_ wanted: NewBackend) -> Result<Configuration.Backend, Refusal> {
        do throws(ArgumentFault) {
            return .success(try backend(wanted))
        } catch {
            return .failure(Refusal(error: "\(error)", kind: .invalid))
        }
    }

    private static func backend(_ wanted: NewBackend) throws(ArgumentFault) -> Configuration.Backend {
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
            name: HostName(host: address.host.text, port: address.port.rawValue, preferredFamily: 0), address: nil,
            label: wanted.name, weight: Int32(weight))
    }
}
