import ConfigurationFile
import Foundation
import Glibc
import Reactor
import Testing

@testable import PoolDiscovery

/// When files that the configuration names have changed, and are complete.
@Suite struct FileChangesTests {
    private static func watched(_ folder: borrowing Folder, _ names: String...) -> FileChanges {
        var changes = FileChanges()
        changes.update(names.map { NetworkFile(path: folder.path($0), stamp: FileStamp(folder.path($0))) })
        changes.followLinks()
        return changes
    }

    private static func change(_ what: CInt, _ name: String) -> FolderWatch.Change {
        .init(what: UInt32(what), name: name)
    }

    private static let start = Instant(nanoseconds: 1_000_000_000)
    /// Longer than several changes are taken for one, by the clock of files.
    private static func settle() throws { try FileClock.waitUntilLater(by: .milliseconds(60)) }

    @Test func whatIsAsItWasIsUnchanged() throws {
        let folder = try Folder()
        try folder.write("a", to: "a")
        var changes = Self.watched(folder, "a", "b")
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .unchanged)
        changes.note(Self.change(CInt(IN_CLOSE_WRITE), "a"))
        changes.note(Self.change(CInt(IN_MOVED_TO), "c"))
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .unchanged)
    }

    @Test func aFileThatWasClosedIsComplete() throws {
        let folder = try Folder()
        try folder.write("a", to: "a")
        var changes = Self.watched(folder, "a")
        try Self.settle()
        try folder.write("b", to: "a")
        try Self.settle()
        // Nobody was seen to close it: another file's event has led here.
        changes.note(Self.change(CInt(IN_CLOSE_WRITE), "log"))
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .unsettled(FileChanges.absence))
        changes.note(Self.change(CInt(IN_CLOSE_WRITE), "a"))
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .changed)
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .unchanged)
        // The close was that of the change before.
        try folder.write("c", to: "a")
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .unsettled(FileChanges.absence))
    }

    @Test func aFileThatWasRenamedToItsPlaceIsComplete() throws {
        let folder = try Folder()
        try folder.write("a", to: "a")
        var changes = Self.watched(folder, "a")
        try folder.write("b", to: "new")
        try Self.settle()
        unsafe rename(folder.path("new"), folder.path("a"))
        changes.note(Self.change(CInt(IN_MOVED_TO), "a"))
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .changed)
    }

    /// All of them are read together.
    @Test func oneThatIsBeingWrittenHoldsTheOthers() throws {
        let folder = try Folder()
        for name in ["a", "b"] { try folder.write("a", to: name) }
        var changes = Self.watched(folder, "a", "b")
        try Self.settle()
        for name in ["a", "b"] { try folder.write("b", to: name) }
        try Self.settle()
        changes.note(Self.change(CInt(IN_CLOSE_WRITE), "a"))
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .unsettled(FileChanges.absence))
        // But not for ever.
        #expect(changes.look(now: Self.start + FileChanges.patience) { FileStamp($0) } == .changed)
    }

    @Test func aFileThatIsGoneMayBeAboutToBeReplaced() throws {
        let folder = try Folder()
        try folder.write("a", to: "a")
        var changes = Self.watched(folder, "a")
        unsafe unlink(folder.path("a"))
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .unsettled(FileChanges.settling))
        #expect(changes.look(now: Self.start + FileChanges.absence) { FileStamp($0) } == .changed)
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .unchanged)
    }

    /// Who may read it has changed, and nothing in it.
    @Test func permissionsNeedNoClosing() throws {
        let folder = try Folder()
        try folder.write("a", to: "a")
        var changes = Self.watched(folder, "a")
        try Self.settle()
        unsafe chmod(folder.path("a"), 0o600)
        unsafe chmod(folder.path("a"), 0o644)
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .changed)
    }

    /// The version that a reload has read is no change; one that came after it is.
    @Test func whatWasReadIsKnown() throws {
        let folder = try Folder()
        try folder.write("a", to: "a")
        var changes = Self.watched(folder, "a")
        try folder.write("bb", to: "a")
        changes.note(Self.change(CInt(IN_CLOSE_WRITE), "a"))
        changes.update([NetworkFile(path: folder.path("a"), stamp: FileStamp(folder.path("a")))])
        #expect(changes.look(now: Self.start) { FileStamp($0) } == .unchanged)
    }
}

/// The thread that watches, with real files.
@Suite struct FileWatcherTests {
    /// How often it was told.
    private final class Count: @unchecked Sendable {
        private let condition = NSCondition()
        private var count = 0

        func add() {
            condition.withLock { count += 1 }
            condition.broadcast()
        }

        var value: Int { condition.withLock { count } }

        /// True once it is as much; waits for it, for 60 s at most. A change that meets the watch's own look is told of only
        /// when the file has been quiet for 10 s.
        func reaches(_ value: Int) -> Bool {
            let deadline = Date(timeIntervalSinceNow: 60)
            return condition.withLock {
                while count < value, condition.wait(until: deadline) {}
                return count == value
            }
        }
    }

    private static func start(_ count: Count, _ paths: String...) throws -> FileWatcher {
        let watcher = try FileWatcher { count.add() }
        watcher.update(paths.map { NetworkFile(path: $0, stamp: FileStamp($0)) })
        return watcher
    }

    @Test func changesAreTold() throws {
        let folder = try Folder()
        try folder.write("a", to: "deny.txt")
        let count = Count()
        let watcher = try Self.start(count, folder.path("deny.txt"))
        for round in 1...3 {
            try folder.replace("deny.txt", with: "\(round)")
            #expect(count.reaches(2 * round - 1))
            try folder.write("\(round) in place", to: "deny.txt")
            #expect(count.reaches(2 * round))
        }
        withExtendedLifetime(watcher) {}
    }

    /// A list that is written for longer than anything settles is told of once: when it is closed.
    @Test func aFileThatIsBeingWrittenIsLeftAlone() throws {
        let folder = try Folder()
        try folder.write("old", to: "deny.txt")
        let count = Count()
        let watcher = try Self.start(count, folder.path("deny.txt"))
        let descriptor = unsafe open(folder.path("deny.txt"), O_WRONLY | O_TRUNC)
        for round in 0..<5 {
            _ = unsafe Glibc.write(descriptor, "10.0.0.1\n", 9)
            try FileClock.waitUntilLater(by: .milliseconds(70))
            // Something else happens in the folder.
            try folder.write("\(round)", to: "other")
            try FileClock.waitUntilLater(by: .milliseconds(70))
        }
        #expect(count.value == 0)
        close(descriptor)
        #expect(count.reaches(1))
        withExtendedLifetime(watcher) {}
    }

    /// As Kubernetes exchanges the files of a ConfigMap, and a version that came before the watch.
    @Test func linksAreFollowed() throws {
        let folder = try Folder()
        let files = FileManager.default
        for name in ["one", "two"] {
            try files.createDirectory(atPath: folder.path(name), withIntermediateDirectories: false)
            try folder.write(name, to: "\(name)/deny.txt")
        }
        try files.createSymbolicLink(atPath: folder.path("data"), withDestinationPath: "one")
        try files.createSymbolicLink(atPath: folder.path("deny.txt"), withDestinationPath: "data/deny.txt")
        let count = Count()
        let watcher = try FileWatcher { count.add() }
        watcher.update([NetworkFile(path: folder.path("deny.txt"), stamp: FileStamp(folder.path("one/deny.txt")))])
        try files.createSymbolicLink(atPath: folder.path("new"), withDestinationPath: "two")
        unsafe rename(folder.path("new"), folder.path("data"))
        #expect(count.reaches(1))
        withExtendedLifetime(watcher) {}
    }

    @Test func itEnds() throws {
        let folder = try Folder()
        let count = Count()
        for _ in 0..<20 { _ = try Self.start(count, folder.path("none")) }
    }
}

/// The clock by which files get their times: it goes on in steps, and changes within one cannot be told apart.
private enum FileClock {
    /// Waits until a file that is written now is later by so much than one that was written at the call.
    static func waitUntilLater(by duration: Duration) throws {
        let folder = try Folder()
        func now() throws -> Duration {
            try folder.write("", to: "clock")
            var status = stat()
            guard unsafe stat(folder.path("clock"), &status) == 0 else { return .zero }
            return .seconds(status.st_mtim.tv_sec) + .nanoseconds(status.st_mtim.tv_nsec)
        }
        let start = try now()
        while try now() < start + duration { sched_yield() }
    }
}
