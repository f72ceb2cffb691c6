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
    /// The configuration that was taken over last. Accessed only with the lock held.
    nonisolated(unsafe) private var current: Configuration
    private let lock = Lock()
    /// How many times it was asked for, and has not posted yet what it has read. Asked again meanwhile, the thread reads
    /// once more, since the file may have changed after it was read.
    private let asked = Atomic(0)

    init(_ file: String, _ resources: Resources, _ pools: PoolDiscoverer, current: Configuration) {
        unsafe self.current = current
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
            // A pipe that nobody writes to would never be read to its end.
            let document = try Document.read(file, mustBeRegular: true)
            let configuration = FirstAnswers.complete(
                try document.configuration(resources), document.discoveredPools, besides: lock.around { unsafe current }
            )
            control.post(
                .configuration(configuration, hangups: hangups) { [self] result in
                    if case .success = result {
                        lock.around { unsafe current = configuration }
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

extension Lock {
    /// Calls `body` with the lock held.
    fileprivate func around<Result>(_ body: () -> Result) -> Result {
        lock()
        defer { unlock() }
        return body()
    }
}
