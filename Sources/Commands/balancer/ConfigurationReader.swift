import Balancer
import ConfigurationFile
import Reactor

/// Reads the configuration file again while the balancer runs, at SIGHUP and when a file of networks has changed: on a
/// thread of its own, so that no session waits for a disk or for the decoder.
final class ConfigurationReader: Sendable {
    private let file: String
    private let resources: Resources
    private let pools: PoolDiscoverer
    private let files = FileWatch()
    /// The configuration that was taken over last. Accessed only with the lock held.
    nonisolated(unsafe) private var current: Configuration
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var asked = Asked()

    private struct Asked {
        /// The SIGHUPs that have asked for it.
        var hangups = 0
        /// It is to be read. Asked while the thread reads, it reads once more, since the file may have changed after
        /// that.
        var isOpen = false
        /// The thread exists.
        var isReading = false
    }

    init(_ file: String, _ resources: Resources, _ pools: PoolDiscoverer, current: Configuration) {
        unsafe self.current = current
        self.file = file
        self.resources = resources
        self.pools = pools
    }

    /// Begins to read, and returns; the result is posted to `control`.
    func begin(_ control: ControlChannel, isHangup: Bool = true) {
        let isReading = lock.around {
            unsafe asked.hangups += isHangup ? 1 : 0
            unsafe asked.isOpen = true
            return unsafe exchange(&asked.isReading, with: true)
        }
        guard !isReading else { return }
        do throws(SystemCallError) {
            _ = try LoopThread(name: "balancer/file") { self.read(control) }
        } catch {
            let hangups = lock.around { unsafe exchange(&asked, with: Asked()).hangups }
            control.post(.noConfiguration(reason: error.description, hangups: hangups))
        }
    }

    /// Watches the files of a configuration that was taken over: when one changes, all is read again.
    func watch(_ document: Document, _ control: ControlChannel) {
        files.update(document.networkFiles) { [weak self] in self?.begin(control, isHangup: false) }
    }

    private func read(_ control: ControlChannel) {
        while let hangups = takeQuestion() { readOnce(control, hangups) }
    }

    /// How many SIGHUPs have asked; nil when nobody has, and then the thread ends.
    private func takeQuestion() -> Int? {
        lock.around {
            guard unsafe asked.isOpen else {
                unsafe asked.isReading = false
                return nil
            }
            unsafe asked.isOpen = false
            return unsafe exchange(&asked.hangups, with: 0)
        }
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
                        watch(document, control)
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
