import ConfigurationFile
import Glibc
import Reactor

/// Which of several files have changed, and whether they are complete. Pure but for the age of a file: versions and
/// time are given.
///
/// A file that is being written is not to be read by halves. Complete is one that was renamed to its place, or closed
/// by who has written it; of another one nothing was seen (a network file system tells nothing), and then it has to be
/// quiet for a while. Files are read together, so all of them must be complete.
struct FileChanges {
    private struct Entry {
        let path: String
        /// The names under which events tell of it: its own, and that of the file behind all symbolic links.
        var names: Set<String>
        /// The version that was told of last; nil for none.
        var stamp: FileStamp?
        /// Since then it was renamed to its place, or closed after it was written.
        var isComplete = false
    }

    /// What a look has found.
    enum Outcome: Equatable {
        case unchanged
        /// Some have changed, and all are complete.
        case changed
        /// Some have changed, and are to be looked at again after this time.
        case unsettled(Duration)
    }

    private var entries: [Entry] = []
    /// When the change was seen first that was not told of yet.
    private var firstSeen: Instant?

    /// Several changes within this time are one.
    static let settling: Duration = .milliseconds(50)
    /// A file that nobody was seen to close is taken for complete when it has been quiet for so long.
    static let quiet: Duration = .seconds(10)
    /// A file that is not there may be about to be replaced.
    static let absence: Duration = .seconds(1)
    /// After so long the files are read as they are.
    static let patience: Duration = .seconds(60)

    /// The paths of the files.
    var paths: [String] { entries.map(\.path) }

    /// Sets the files, each with the version that was read.
    mutating func update(_ files: [NetworkFile]) {
        entries = files.map { file in
            let former = entries.first { $0.path == file.path }
            return Entry(
                path: file.path, names: former?.names ?? [Self.name(of: file.path)], stamp: file.stamp,
                isComplete: former?.isComplete ?? false)
        }
    }

    /// A link to a folder that is exchanged has another name than the files that are reached by it.
    private static let concerningAll =
        UInt32(IN_MOVED_TO) | UInt32(IN_MOVE_SELF) | UInt32(IN_DELETE_SELF) | UInt32(IN_Q_OVERFLOW)

    /// Something has happened in a folder.
    mutating func note(_ change: FolderWatch.Change) {
        let concernsAll = change.what & Self.concerningAll != 0
        for index in entries.indices {
            let isClosed = change.what & UInt32(IN_CLOSE_WRITE) != 0 && entries[index].names.contains(change.name)
            if concernsAll || isClosed { entries[index].isComplete = true }
        }
    }

    /// Looks at all files; `version` asks for the present version of one.
    mutating func look(now: Instant, _ version: (String) -> FileStamp?) -> Outcome {
        let found = entries.map { version($0.path) }
        let changed = entries.indices.filter { entries[$0].stamp != found[$0] }
        for index in entries.indices where !changed.contains(index) { entries[index].isComplete = false }
        guard !changed.isEmpty else {
            firstSeen = nil
            return .unchanged
        }
        let age = now - (firstSeen ?? now)
        firstSeen = firstSeen ?? now
        let pauses = changed.compactMap { pause(entries[$0], found[$0], age) }
        if let pause = pauses.min(), age < Self.patience { return .unsettled(pause) }
        firstSeen = nil
        for index in entries.indices {
            entries[index].stamp = found[index]
            entries[index].isComplete = false
        }
        return .changed
    }

    /// How long to wait for a file that has changed; nil when it may be read. `age`: of the first change.
    private func pause(_ entry: Entry, _ found: FileStamp?, _ age: Duration) -> Duration? {
        guard let found else { return age < Self.absence ? Self.settling : nil }
        if let former = entry.stamp, found.hasSameContent(as: former) { return nil }
        if entry.isComplete { return found.isYounger(than: Self.settling) ? Self.settling : nil }
        return found.isYounger(than: Self.quiet) ? Self.absence : nil
    }

    /// Takes the names anew, since links may lead elsewhere by now.
    mutating func followLinks() {
        for index in entries.indices {
            let path = entries[index].path
            entries[index].names = [Self.name(of: path), FolderWatch.target(of: path).map(Self.name) ?? ""]
        }
    }

    private static func name(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }
}
