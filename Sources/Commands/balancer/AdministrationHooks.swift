import AdministrationAPI
import Balancer
import ConfigurationFile
import Glibc
import Reactor

// What administration asks of the program around the balancer.
extension Inspector.Hooks {
    /// Of a balancer that was started without a file.
    static func withoutFile(_ configuration: Configuration) -> Inspector.Hooks {
        let source = configuration.pools.first?.sources.first
        let family = source?.family ?? configuration.listeners.first?.address.family ?? AF_INET
        return Inspector.Hooks(
            configuration: { nil },
            difference: { _ in
                .failure(
                    Refusal(
                        error:
                            "there is no file to compare with: the balancer was started without one (balancer run FILE)"
                    ))
            },
            reload: nil, backend: { wanted, _ in AddedBackend.read(wanted, preferring: family) })
    }

    /// Of one that serves as a file says.
    static func file(_ reader: ConfigurationReader, _ control: ControlChannel) -> Inspector.Hooks {
        Inspector.Hooks(
            configuration: { reader.document.fullText },
            difference: { reader.difference(from: $0) },
            reload: { answer in reader.begin(control, isHangup: false, answer: answer) },
            backend: { AddedBackend.read($0, preferring: reader.document.preferredFamily(ofPool: $1)) })
    }
}
