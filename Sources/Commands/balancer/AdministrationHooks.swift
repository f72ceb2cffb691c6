import AdministrationAPI
import Balancer
import ConfigurationFile
import Reactor

// What administration asks of the program around the balancer.
extension Inspector.Hooks {
    /// Of a balancer that was started without a file.
    static var withoutFile: Inspector.Hooks {
        Inspector.Hooks(
            configuration: { nil },
            difference: { _ in
                .failure(
                    Refusal(
                        error:
                            "there is no file to compare with: the balancer was started without one (balancer run FILE)"
                    ))
            },
            reload: nil, backend: AddedBackend.read)
    }

    /// Of one that serves as a file says.
    static func file(_ reader: ConfigurationReader, _ control: ControlChannel) -> Inspector.Hooks {
        Inspector.Hooks(
            configuration: { reader.document.fullText },
            difference: { reader.difference(from: $0) },
            reload: { answer in reader.begin(control, isHangup: false, answer: answer) },
            backend: AddedBackend.read)
    }
}
