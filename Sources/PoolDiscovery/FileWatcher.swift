import ConfigurationFile
import Glibc
import Reactor

/// Tells when files have changed that a configuration names, for as long as it exists: see ``FileChanges``. It has a
/// thread of its own, since a look may wait for a file system, and with all signals blocked, so that these stay with
/// the loops.
public final class FileWatcher: Sendable {
    private let watcher: Watcher

    /// Starts the thread; it has no files yet. `changed` is called on it, and must not wait.
    public init(changed: @escaping @Sendable () -> Void) throws(SystemCallError) {
        watcher = try Watcher(changed)
        let watcher = watcher
        let poller = Handed(try watcher.makePoller())
        try LoopThread.startWithoutSignals(name: "files") { watcher.run(poller.value) }
    }

    deinit { watcher.stop() }

    /// Sets the files, each with the version that was read. Each is looked at at once: it may have changed since.
    public func update(_ files: [NetworkFile]) { watcher.update(files) }
}

/// Unchecked `Sendable`: the properties that change are only accessed with the lock held.
private final class Watcher: @unchecked Sendable {
    private let changed: @Sendable () -> Void
    /// nil where the kernel has none for us: then the files are looked at in intervals only.
    private let watch: FolderWatch?
    private let waker: Waker
    private let lock = Lock()
    private var changes = FileChanges()
    private var due = Clock.monotonic.now()
    private var isStopped = false

    /// The files are looked at that often besides: a network file system tells of no changes, and what cannot be
    /// watched neither.
    private static let interval: Duration = .seconds(10)

    init(_ changed: @escaping @Sendable () -> Void) throws(SystemCallError) {
        self.changed = changed
        watch = try? FolderWatch()
        waker = try Waker()
    }

    func makePoller() throws(SystemCallError) -> Poller {
        let poller = try Poller()
        var failure = waker.add(to: poller, Token(kind: 0, index: 0))
        if let watch { failure = failure ?? poller.add(watch.descriptor, Token(kind: 0, index: 1), .input) }
        if let failure { throw SystemCallError(call: "epoll_ctl", subject: "files", errno: failure) }
        return poller
    }

    // MARK: from other threads

    func update(_ files: [NetworkFile]) {
        locked {
            changes.update(files)
            due = Clock.monotonic.now()
        }
        watch?.keep(Set(files.map(\.path)))
        // Not only at the first look: a change before that would be told of when the file has been quiet for long.
        for file in files { _ = watch?.watch(file: file.path) }
        waker.wake()
    }

    func stop() {
        locked { isStopped = true }
        waker.wake()
    }

    // MARK: the thread

    func run(_ poller: borrowing Poller) {
        var events = EventBuffer(capacity: 2)
        while let timeout = lookIfDue() {
            do throws(SystemCallError) {
                try poller.poll(into: &events, timeout: timeout)
            } catch {
                // Only wrong arguments make epoll_wait(2) fail; then looking every second is better than not at all.
                _ = poll(nil, 0, 1000)
            }
            waker.drain()
            let reported = watch?.drain() ?? []
            guard !reported.isEmpty else { continue }
            locked {
                for change in reported { changes.note(change) }
                due = min(due, Clock.monotonic.now() + FileChanges.settling)
            }
        }
    }

    /// Looks at the files if it is time; returns how long to wait then, and nil to end.
    private func lookIfDue() -> Poller.Timeout? {
        let now = Clock.monotonic.now()
        let (isOver, paths, isDue) = locked { (isStopped, changes.paths, due <= now) }
        guard !isOver else { return nil }
        guard !paths.isEmpty else { return .never }
        if isDue {
            // Before the look: what happens after it is reported.
            for path in paths { _ = watch?.watch(file: path) }
            var versions: [String: FileStamp] = [:]
            for path in paths { versions[path] = FileStamp(path) }
            let outcome = locked { () -> FileChanges.Outcome? in
                // Other files meanwhile, at which it looks at once.
                guard changes.paths == paths else { return nil }
                changes.followLinks()
                let outcome = changes.look(now: now) { versions[$0] }
                if case .unsettled(let pause) = outcome { due = now + pause } else { due = now + Self.interval }
                return outcome
            }
            if outcome == .changed { changed() }
        }
        return .milliseconds((locked { due } - Clock.monotonic.now()).pollMilliseconds)
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }
}
