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
    /// How many times it was asked for, and has not posted yet what it has read. Asked again meanwhile, the thread reads
    /// once more, since the file may have changed after it was read.
    private let asked = Atomic(0)

    init(_ file: String, _ resources: Resources, _ pools: PoolDiscoverer) {
        self.file = file
        self.resources = resources
        self.pools = pools
    }

    /// Begins to read, and returns; the result is posted to `control`.
    func begin(_ control: ControlChannel) {
        guard asked.add(1, ordering: .acquiringAndReleasing).oldValue == 0 else { return }
        do throws(SystemCallError) {
            _ = try LoopThread(name: "balancer/file") { self.read(control) }
        } catch {
            let hangups = asked.exchange(0, ordering: .acquiringAndReleasing)
            control.post(.noConfiguration(reason: error.description, hangups: hangups))
        }
    }

    private func read(_ control: ControlChannel) {
        var hangups = 0
        repeat {
            hangups = asked.load(ordering: .acquiring)
            readOnce(control, hangups)
        } while asked.subtract(hangups, ordering: .acquiringAndReleasing).newValue > 0
    }

    private func readOnce(_ control: ControlChannel, _ hangups: Int) {
        do throws(Mistakes) {
            let document = try Document.read(file)
            let configuration = try document.configuration(resources)
            control.post(
                .configuration(configuration, hangups: hangups) { [pools] result in
                    if case .success = result {
                        pools.update(document, configuration, control)
                    } else {
                        pools.wake()
                    }
                })
        } catch {
            control.post(.noConfiguration(reason: error.description, hangups: hangups))
            pools.wake()
        }
    }
}
