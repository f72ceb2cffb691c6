import Balancer
import ConfigurationFile
import Glibc
import Reactor

/// The files that pools are discovered from. It blocks, for as long as the file system does.
///
/// Unchecked `Sendable`: what changes is only accessed with the lock held.
final class FileSource: @unchecked Sendable {
    private let lock = Lock()
    /// Of the file of each pool the version that was read last; none of one that could not be. Two pools may have one file.
    private var stamps: [DiscoveredPool: FileStamp] = [:]
    /// nil where the kernel has none for us: then files are looked at in intervals only.
    private let watch: FolderWatch?

    init(_ watch: FolderWatch?) { self.watch = watch }

    /// Reads the file of a question, if it has changed since the last time.
    func answer(_ question: Schedule.Question, path: String, besides own: [OwnAddress]) -> SourceAnswer {
        let unwatched: Errno? = watch.map { $0.watch(file: path) } ?? Errno(rawValue: EMFILE)
        let stamp = FileStamp(path)
        if let stamp {
            if !question.isForced, stamp == lastStamp(of: question.pool) { return .unchanged }
            if question.mayWait, stamp.isYounger(than: Schedule.settling) { return .unsettled }
        }
        let remarks = unwatched.map { [Self.remark(path, question.pool, $0)] } ?? []
        let answer = question.pool.read(path, remarks: remarks, besides: own)
        if question.mayWait, FileStamp(path) != stamp { return .unsettled }
        // A mistake is read again each time: whoever mends it may need a moment, and it is told once.
        if case .failed = answer { set(nil, of: question.pool) } else { set(stamp, of: question.pool) }
        return answer
    }

    private static func remark(_ path: String, _ pool: DiscoveredPool, _ errno: Errno) -> String {
        "\(path) is only looked at every \(pool.every ?? Schedule.timesToLive.upperBound), since it cannot be watched: "
            + "\(errno); fs.inotify.max_user_watches or max_user_instances may be too low"
    }

    /// Forgets all other pools.
    func keep(_ pools: [DiscoveredPool]) {
        lock.lock()
        defer { lock.unlock() }
        let kept = Set(pools)
        stamps = stamps.filter { kept.contains($0.key) }
    }

    private func lastStamp(of pool: DiscoveredPool) -> FileStamp? {
        lock.lock()
        defer { lock.unlock() }
        return stamps[pool]
    }

    private func set(_ stamp: FileStamp?, of pool: DiscoveredPool) {
        lock.lock()
        defer { lock.unlock() }
        stamps[pool] = stamp
    }
}
