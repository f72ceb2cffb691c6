import CommandSupport
import ConfigurationFile
import PoolDiscovery
import Reactor

/// Watches the files that the configuration in force names besides itself: lists of networks. Without such files it has
/// no thread.
///
/// Unchecked `Sendable`: what changes is only accessed with the lock held.
final class FileWatch: @unchecked Sendable {
    private let lock = Lock()
    private var watcher: FileWatcher?

    /// Sets the files, each with the version that was read. `changed` is called when one has changed, on a thread of
    /// its own.
    func update(_ files: [NetworkFile], changed: @escaping @Sendable () -> Void) {
        lock.lock()
        defer { lock.unlock() }
        guard watcher != nil || !files.isEmpty else { return }
        do throws(SystemCallError) {
            if watcher == nil { watcher = try FileWatcher(changed: changed) }
            watcher?.update(files)
        } catch {
            complain("balancer", "files of networks are not watched, but only read at SIGHUP: \(error)")
        }
    }
}
