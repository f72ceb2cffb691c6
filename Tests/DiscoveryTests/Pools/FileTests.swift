import Balancer
import ConfigurationFile
import Foundation
import Glibc
import Reactor
import Testing

@testable import Discovery
@testable import PoolDiscovery

/// Pools from files, with a discoverer that looks at them only when it is told of a change: once an hour otherwise.
@Suite struct FileTests {
    private static func discoverer(_ told: Told, watch: FolderWatch? = try? FolderWatch()) throws -> Discoverer {
        try Discoverer(told.channel, servers: { NameServerSettings() }, watch: watch)
    }

    @Test func aFileIsRead() throws {
        let folder = try Folder()
        try folder.write(
            """
            - 10.0.0.1:80
            - {name: b, address: "10.0.0.2:80", weight: 3, backup: true, sessions_max: 5}
            - db.example.org:80
            """, to: "jobs.yaml")
        let told = try Told()
        let discoverer = try Self.discoverer(told)
        discoverer.update([.file(folder.path("jobs.yaml"))], besides: [])
        #expect(
            told.hears("db: 10.0.0.1:80, b 10.0.0.2:80 weight 3 backup max 5, db.example.org:80"), "\(told.lines)")
        #expect(told.lines.count == 1)
        withExtendedLifetime(discoverer) {}
    }

    /// By rename, as configuration tools do; in place, as an editor may; and as an element alone.
    @Test func changesAreSeen() throws {
        let folder = try Folder()
        try folder.write("[10.0.0.1:80]", to: "jobs.yaml")
        let told = try Told()
        let discoverer = try Self.discoverer(told)
        discoverer.update([.file(folder.path("jobs.yaml"))], besides: [])
        #expect(told.hears("db: 10.0.0.1:80"), "\(told.lines)")
        for last in 2..<5 {
            try folder.replace("jobs.yaml", with: "[10.0.0.\(last):80]")
            #expect(told.hears("db: 10.0.0.\(last):80"), "\(told.lines)")
        }
        for last in 5..<8 {
            try folder.write("10.0.0.\(last):80", to: "jobs.yaml")
            #expect(told.hears("db: 10.0.0.\(last):80"), "\(told.lines)")
        }
        withExtendedLifetime(discoverer) {}
    }

    @Test func aFileThatIsNotThereYetIsWaitedFor() throws {
        let folder = try Folder()
        let told = try Told()
        let path = folder.path("jobs.yaml")
        let discoverer = try Self.discoverer(told)
        discoverer.update([.file(path)], besides: [])
        #expect(told.hears("db! \(path): there is no such file\n1 mistake"), "\(told.lines)")
        try folder.write("[10.0.0.1:80]", to: "jobs.yaml")
        #expect(told.hears("db: 10.0.0.1:80"), "\(told.lines)")
        #expect(told.hears("db# discovered again: 1 backend"), "\(told.lines)")
        withExtendedLifetime(discoverer) {}
    }

    /// The last good list stays: nothing is posted but the reason, once for each.
    @Test func aFileThatGoesOrBreaksCostsNothing() throws {
        let folder = try Folder()
        try folder.write("[10.0.0.1:80]", to: "jobs.yaml")
        let told = try Told()
        let path = folder.path("jobs.yaml")
        let discoverer = try Self.discoverer(told)
        discoverer.update([.file(path)], besides: [])
        #expect(told.hears("db: 10.0.0.1:80"), "\(told.lines)")
        told.clear()
        unsafe unlink(path)
        #expect(told.hears("db! \(path): there is no such file\n1 mistake"), "\(told.lines)")
        try folder.write("[10.0.0.1:80, {addres: 10.0.0.2:80}]", to: "jobs.yaml")
        #expect(
            told.hears { $0.hasPrefix("db! \(path):1:16: [1].addres: no such key; did you mean 'address'?\n") },
            "\(told.lines)")
        try folder.replace("jobs.yaml", with: "[]")
        #expect(told.hears("db! 0 backends, and at least 1 are needed ('min')"), "\(told.lines)")
        #expect(told.lines.count == 3, "\(told.lines)")
        told.clear()
        try folder.replace("jobs.yaml", with: "[10.0.0.1:80]")
        #expect(told.hears("db# discovered again: 1 backend"), "\(told.lines)")
        #expect(told.lines == ["db: 10.0.0.1:80", "db# discovered again: 1 backend"])
        withExtendedLifetime(discoverer) {}
    }

    /// As the kubelet exchanges the files of a ConfigMap: `..data` leads to the folder of a version, and is replaced.
    @Test func anExchangedSymbolicLinkIsSeen() throws {
        let folder = try Folder()
        let files = FileManager.default
        for version in ["..1", "..2"] {
            try files.createDirectory(atPath: folder.path(version), withIntermediateDirectories: false)
            try folder.write("[10.0.0\(version.dropFirst()):80]", to: "\(version)/jobs.yaml")
        }
        try files.createSymbolicLink(atPath: folder.path("..data"), withDestinationPath: "..1")
        try files.createSymbolicLink(atPath: folder.path("jobs.yaml"), withDestinationPath: "..data/jobs.yaml")
        let told = try Told()
        let discoverer = try Self.discoverer(told)
        discoverer.update([.file(folder.path("jobs.yaml"))], besides: [])
        #expect(told.hears("db: 10.0.0.1:80"), "\(told.lines)")
        try files.createSymbolicLink(atPath: folder.path("..data_tmp"), withDestinationPath: "..2")
        unsafe rename(folder.path("..data_tmp"), folder.path("..data"))
        #expect(told.hears("db: 10.0.0.2:80"), "\(told.lines)")
        // What the link leads to is watched as well.
        try folder.replace("..2/jobs.yaml", with: "[10.0.0.3:80]")
        #expect(told.hears("db: 10.0.0.3:80"), "\(told.lines)")
        withExtendedLifetime(discoverer) {}
    }

    /// On a file system that tells nothing, and beyond the kernel's limits.
    @Test func withoutAWatchItIsLookedAt() throws {
        let folder = try Folder()
        try folder.write("[10.0.0.1:80]", to: "jobs.yaml")
        let told = try Told()
        let path = folder.path("jobs.yaml")
        let discoverer = try Self.discoverer(told, watch: nil)
        discoverer.update([.file(path, every: .seconds(1))], besides: [])
        #expect(told.hears("db: 10.0.0.1:80"), "\(told.lines)")
        #expect(told.hears { $0.hasPrefix("db# \(path) is only looked at every 1") }, "\(told.lines)")
        try folder.replace("jobs.yaml", with: "[10.0.0.2:80]")
        #expect(told.hears("db: 10.0.0.2:80"), "\(told.lines)")
        #expect(told.lines.count == 3, "\(told.lines)")
        withExtendedLifetime(discoverer) {}
    }

    @Test func aFileThatIsNoneIsRefused() throws {
        let folder = try Folder()
        let told = try Told()
        unsafe mkfifo(folder.path("pipe"), 0o600)
        let discoverer = try Self.discoverer(told)
        discoverer.update([.file(folder.path("pipe"), "pipe"), .file(folder.path, "folder")], besides: [])
        #expect(told.hears { $0.hasPrefix("pipe! ") && $0.contains("it is no file, but a pipe") }, "\(told.lines)")
        #expect(told.hears { $0.hasPrefix("folder! ") && $0.contains("it is a folder") }, "\(told.lines)")
        withExtendedLifetime(discoverer) {}
    }

    @Test func ownAddressesAreLeftOut() throws {
        let folder = try Folder()
        try folder.write("[10.0.0.1:80, 127.0.0.1:8000]", to: "jobs.yaml")
        let told = try Told()
        let discoverer = try Self.discoverer(told)
        discoverer.update(
            [.file(folder.path("jobs.yaml"))], besides: [OwnAddress(.ipv4(0, port: 8000))])
        #expect(told.hears("db# 127.0.0.1:8000 is left out: the balancer itself listens on it"), "\(told.lines)")
        #expect(told.lines.first == "db: 10.0.0.1:80")
        withExtendedLifetime(discoverer) {}
    }

    /// Watches are not lost, and none is left behind, when folders come and go.
    @Test func watchesFollowTheFolders() throws {
        let folder = try Folder()
        let files = FileManager.default
        let watch = try FolderWatch()
        let path = folder.path("a/jobs.yaml")
        func count() throws -> Int {
            try String(contentsOfFile: "/proc/self/fdinfo/\(watch.descriptor.rawValue)", encoding: .utf8)
                .split(separator: "\n").count { $0.hasPrefix("inotify ") }
        }
        #expect(watch.watch(file: path) == nil)
        #expect(try count() == 0)
        for round in 0..<3 {
            try files.createDirectory(atPath: folder.path("a"), withIntermediateDirectories: false)
            #expect(watch.watch(file: path) == nil)
            #expect(try count() == 1)
            unsafe rename(folder.path("a"), folder.path("old\(round)"))
        }
        watch.keep([])
        #expect(try count() == 0)
    }
}
