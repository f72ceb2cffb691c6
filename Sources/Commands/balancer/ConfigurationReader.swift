import AdministrationAPI
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
    /// The configuration that was taken over last, and what it was made from. Accessed only with the lock held.
    nonisolated(unsafe) private var current: Configuration
    nonisolated(unsafe) private var currentDocument: Document
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
        /// Who wants to know what comes of it.
        var answers: [Answer] = []
    }

    /// Gets what came of a reload, once.
    typealias Answer = @Sendable (Result<String, Refusal>) -> Void

    init(
        _ file: String, _ resources: Resources, _ pools: PoolDiscoverer, current: Configuration, of document: Document
    ) {
        unsafe self.current = current
        unsafe currentDocument = document
        self.file = file
        self.resources = resources
        self.pools = pools
    }

    /// Begins to read, and returns; the result is posted to `control`.
    func begin(_ control: ControlChannel, isHangup: Bool = true, answer: Answer? = nil) {
        let isReading = lock.around {
            unsafe asked.hangups += isHangup ? 1 : 0
            if let answer { unsafe asked.answers.append(answer) }
            unsafe asked.isOpen = true
            return unsafe exchange(&asked.isReading, with: true)
        }
        guard !isReading else { return }
        do throws(SystemCallError) {
            _ = try LoopThread(name: "balancer/file") { self.read(control) }
        } catch {
            let asked = lock.around { unsafe exchange(&self.asked, with: Asked()) }
            control.post(.noConfiguration(reason: error.description, hangups: asked.hangups))
            for answer in asked.answers { answer(.failure(Refusal(error: error.description))) }
        }
    }

    /// Watches the files of a configuration that was taken over: when one changes, all is read again.
    func watch(_ document: Document, _ control: ControlChannel) {
        files.update(document.networkFiles) { [weak self] in self?.begin(control, isHangup: false) }
    }

    private func read(_ control: ControlChannel) {
        while let (hangups, answers) = takeQuestion() { readOnce(control, hangups, answers) }
    }

    /// How many SIGHUPs have asked, and who else; nil when nobody has, and then the thread ends.
    private func takeQuestion() -> (hangups: Int, answers: [Answer])? {
        lock.around {
            guard unsafe asked.isOpen else {
                unsafe asked.isReading = false
                return nil
            }
            unsafe asked.isOpen = false
            return unsafe (exchange(&asked.hangups, with: 0), exchange(&asked.answers, with: []))
        }
    }

    /// What the balancer serves by now.
    var document: Document { lock.around { unsafe currentDocument } }

    /// What a reload would change, compared with what there is: backends, pools and listeners with the running balancer's,
    /// settings with the configuration that was taken over last. That the reload would be refused is a change as well.
    func difference(from status: Status) -> Result<ConfigurationDifference, Refusal> {
        do throws(Mistakes) {
            let document = try Document.read(file, mustBeRegular: true)
            let wanted = try document.configuration(resources)
            let (current, currentDocument) = lock.around { unsafe (self.current, self.currentDocument) }
            return .success(
                Self.difference(
                    ReloadPreview(document, against: RunningState(status)),
                    settings: current.settingChanges(wanted) + currentDocument.discoveryChanges(document),
                    refusal: Self.refusal(of: wanted, instead: current)))
        } catch {
            return .failure(Refusal(error: error.description))
        }
    }

    private static func difference(
        _ preview: ReloadPreview, settings: [String], refusal: String?
    ) -> ConfigurationDifference {
        let changes = preview.changes + settings
        if let refusal {
            return ConfigurationDifference(
                changes: ["the reload would be refused: \(refusal)"] + changes,
                summary: "the reload would be refused, and nothing would change")
        }
        let summary =
            settings.isEmpty
            ? preview.summary
            : preview.changes.isEmpty ? "settings change, nothing else" : "\(preview.summary); settings change as well"
        return ConfigurationDifference(changes: changes, summary: summary)
    }

    /// Why a running balancer would not take it over; nil when it would, as far as can be told without binding listeners.
    private static func refusal(of wanted: Configuration, instead current: Configuration) -> String? {
        do throws(ReloadError) {
            try current.checkReload(wanted)
            return nil
        } catch {
            return error.description
        }
    }

    private func readOnce(_ control: ControlChannel, _ hangups: Int, _ answers: [Answer]) {
        do throws(Mistakes) {
            // A pipe that nobody writes to would never be read to its end.
            let document = try Document.read(file, mustBeRegular: true)
            let configuration = FirstAnswers.complete(
                try document.configuration(resources), document.discoveredPools, besides: lock.around { unsafe current }
            )
            control.post(
                .configuration(configuration, hangups: hangups) { [self] result in
                    if case .success = result {
                        lock.around {
                            unsafe current = configuration
                            unsafe currentDocument = document
                        }
                        pools.update(document, configuration, control)
                        watch(document, control)
                    } else {
                        pools.wake()
                    }
                    for answer in answers { answer(result.told) }
                })
        } catch {
            control.post(.noConfiguration(reason: error.description, hangups: hangups))
            for answer in answers { answer(.failure(Refusal(error: error.description))) }
            pools.wake()
        }
    }
}

extension Document {
    /// Pools that are, or will be, discovered in another way: `pool web: settings change: how its backends are found`.
    fileprivate func discoveryChanges(_ wanted: Document) -> [String] {
        let before = Dictionary(discoveredPools.map { ($0.name, $0) }) { first, _ in first }
        return wanted.discoveredPools.compactMap { pool in
            guard let old = before[pool.name], old != pool else { return nil }
            return "pool \(pool.name): settings change: how its backends are found"
        }
    }
}

extension Result where Success == ReloadSummary, Failure == ReloadError {
    /// What the asker is told.
    fileprivate var told: Result<String, Refusal> {
        switch self {
        case .success(let summary): .success("taken over: \(summary.text)")
        case .failure(let error): .failure(Refusal(error: error.description))
        }
    }
}

extension ReloadSummary {
    /// What has changed: `backends added: 1, backends removed: 2`
    fileprivate var text: String {
        let kinds = [("listeners", listeners), ("pools", pools), ("backends", backends)]
        let parts = kinds.flatMap { (what, count) in
            [("added", count.added), ("removed", count.removed), ("changed", count.changed)]
                .filter { $0.1 > 0 }.map { "\(what) \($0.0): \($0.1)" }
        }
        if !parts.isEmpty { return parts.joined(separator: ", ") }
        return isEmpty ? "nothing has changed" : "settings of the process"
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
