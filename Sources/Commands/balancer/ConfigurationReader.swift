import Balancer
import ConfigurationFile
import Reactor
import Synchronization

/// Reads the configuration file again while the balancer runs, at SIGHUP: on a thread of its own, so that no session waits
/// for a disk or for the decoder.
final class ConfigurationReader: Sendable {
    private let file: String
    private let resources: Resources
    private let pools: PoolDiscoverer
    private let state = Atomic(State.idle)

    /// What the thread does; asked again meanwhile, it reads the file once more, since the file may have changed after it
    /// was read.
    private enum State: UInt8, AtomicRepresentable {
        case idle, reading, readingAndAgain
    }

    init(_ file: String, _ resources: Resources, _ pools: PoolDiscoverer) {
        self.file = file
        self.resources = resources
        self.pools = pools
    }

    /// Begins to read, and returns; the result is posted to `control`.
    func begin(_ control: ControlChannel) {
        let before = state.exchange(.readingAndAgain, ordering: .acquiringAndReleasing)
        guard before == .idle else { return }
        do throws(SystemCallError) {
            _ = try LoopThread(name: "balancer/file") { self.read(control) }
        } catch {
            state.store(.idle, ordering: .releasing)
            control.post(.noConfiguration(reason: error.description))
        }
    }

    private func read(_ control: ControlChannel) {
        repeat {
            state.store(.reading, ordering: .releasing)
            do throws(Mistakes) {
                let document = try Document.read(file)
                let configuration = try document.configuration(resources)
                control.post(
                    .configuration(configuration) { [pools] result in
                        if case .success = result {
                            pools.update(document, configuration, control)
                        } else {
                            pools.wake()
                        }
                    })
            } catch {
                control.post(.noConfiguration(reason: error.description))
                pools.wake()
            }
        } while !state.compareExchange(
            expected: .reading, desired: .idle, ordering: .acquiringAndReleasing
        ).exchanged
    }
}
