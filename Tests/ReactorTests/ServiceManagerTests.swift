import CEpoll
import Glibc
import Reactor
import Testing

/// A service manager's socket: what was sent to it.
private struct Inbox: ~Copyable {
    private let descriptor: FileDescriptor
    let directory: TemporaryDirectory
    /// As NOTIFY_SOCKET names it.
    let name: String

    init(abstract: Bool) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/notify"
        let number = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            unsafe field.copyBytes(from: bytes)
            if abstract { unsafe field[0] = 0 }
        }
        // An abstract name is as long as the address says.
        let length = socklen_t(abstract ? 2 + bytes.count : MemoryLayout<sockaddr_un>.size)
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(number, $0, length) }
        }
        try #require(result == 0)
        descriptor = FileDescriptor(owning: number)
        name = abstract ? "@" + path.dropFirst() : path
        self.directory = directory
    }

    func next() -> String? {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = unsafe recv(descriptor.rawValue, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
}

@Suite struct ServiceManagerTests {
    @Test(arguments: [false, true]) func whatIsToldArrives(abstract: Bool) throws {
        let inbox = try Inbox(abstract: abstract)
        let variables = ["NOTIFY_SOCKET": inbox.name]
        guard let manager = try ServiceManager.find(environment: { variables[$0] }) else {
            Issue.record("no manager found")
            return
        }
        #expect(manager.notify("READY=1\nSTATUS=serving") as Bool)
        #expect(inbox.next() == "READY=1\nSTATUS=serving")
        #expect(inbox.next() == nil)
        #expect(manager.watchdogTimeout() == nil)
    }

    /// A manager that starts many services has its queue full: READY must not be lost.
    @Test func whatMustNotBeMissedIsRepeated() throws {
        let inbox = try Inbox(abstract: false)
        let variables = ["NOTIFY_SOCKET": inbox.name]
        guard var manager = try ServiceManager.find(environment: { variables[$0] }) else {
            Issue.record("no manager found")
            return
        }
        var count = 0
        while manager.notify("WATCHDOG=1"), count < 10_000 { count += 1 }
        try #require(count < 10_000)
        #expect(!manager.notifyReliably("READY=1") as Bool)
        #expect(!manager.notifyReliably("STOPPING=1") as Bool)
        #expect(!manager.retry() as Bool)
        for _ in 0..<count { #expect(inbox.next() == "WATCHDOG=1") }
        #expect(inbox.next() == nil)
        #expect(manager.retry() as Bool)
        #expect(inbox.next() == "READY=1")
        #expect(inbox.next() == "STOPPING=1")
        #expect(inbox.next() == nil)
    }

    @Test func aManagerThatIsGoneHindersNobody() throws {
        guard let manager = try ServiceManager.find(environment: { ["NOTIFY_SOCKET": "/nonexistent/notify"][$0] })
        else {
            Issue.record("no manager found")
            return
        }
        #expect(!manager.notify("READY=1") as Bool)
        var same = manager
        #expect(same.notifyReliably("READY=1") as Bool)
    }

    @Test(arguments: [nil, ""]) func withoutASocketThereIsNone(path: String?) throws {
        let manager = try ServiceManager.find { $0 == "NOTIFY_SOCKET" ? path : nil }
        let isThere = manager != nil
        #expect(!isThere)
    }

    @Test(arguments: ["notify", "@", "vsock:2:1234", "/" + String(repeating: "x", count: 107)])
    func whatCanBeNoSocketIsRefused(path: String) {
        let error = #expect(throws: SystemCallError.self) {
            _ = try ServiceManager.find { $0 == "NOTIFY_SOCKET" ? path : nil }
        }
        #expect(
            error?.description
                == "sendto NOTIFY_SOCKET '\(path)', which is neither an absolute path nor @name: Invalid argument")
    }

    @Test func theWatchdogIsForOneProcess() throws {
        func patience(_ variables: [String: String]) throws -> Duration? {
            let all = variables.merging(["NOTIFY_SOCKET": "/nonexistent"]) { own, _ in own }
            return try ServiceManager.find(environment: { all[$0] })?.watchdogTimeout()
        }
        #expect(try patience(["WATCHDOG_USEC": "1500000"]) == .milliseconds(1500))
        #expect(try patience(["WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "\(getpid())"]) == .milliseconds(1500))
        #expect(try patience(["WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "\(getpid() + 1)"]) == nil)
        #expect(try patience(["WATCHDOG_USEC": "soon"]) == nil)
        #expect(try patience(["WATCHDOG_USEC": "0"]) == nil)
        #expect(try patience([:]) == nil)
    }
}

/// The sockets themselves are handed over by the integration tests: their numbers are fixed.
@Suite struct SocketActivationTests {
    private static func take(_ environment: (String) -> String?) throws -> [InheritedSocket] {
        try SocketActivation.takeSockets(environment: environment, remove: { _ in })
    }

    @Test func whatIsMeantForAnotherProcessIsLeftAlone() throws {
        #expect(try Self.take { ["LISTEN_PID": "\(getpid() + 1)", "LISTEN_FDS": "1"][$0] }.isEmpty)
        #expect(try Self.take { _ in nil }.isEmpty)
        #expect(try Self.take { ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "0"][$0] }.isEmpty)
    }

    @Test(arguments: ["", "-1", "many", "1025"]) func aCountThatIsNoneIsRefused(count: String) {
        let error = #expect(throws: SocketActivationError.self) {
            try Self.take { ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": count][$0] }
        }
        #expect(error?.description == "LISTEN_FDS '\(count)' is no number from 0 to 1024")
    }
}

@Suite struct SocketFileTests {
    private func bound(for path: String) throws -> SocketAddress {
        try #require(SocketFile.temporaryAddress(for: path))
    }

    private func canConnect(_ path: String) throws -> Bool {
        let address = SocketAddress.unix(path: path)
        return try Stream(for: address, from: nil).connect(to: address) == .connected
    }

    @Test func itStandsWhileItLives() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/status"
        let temporary = try bound(for: path)
        let listener = try Listener(temporary, keepalive: nil)
        do {
            let file = try SocketFile(moving: temporary, to: path)
            #expect(try canConnect(path))
            #expect(unsafe access(temporary.host, F_OK) == -1)
            _ = consume file
        }
        #expect(unsafe access(path, F_OK) == -1)
        #expect(listener.hasWaiting as Bool)
    }

    /// A process that was killed leaves its file; one that is ending has it still.
    @Test func theNewerTakesItsPlaceAndKeepsIt() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/status"
        let first = try Listener(bound(for: path), keepalive: nil)
        let old = try SocketFile(moving: first.address, to: path)
        let second = try Listener(bound(for: path), keepalive: nil)
        let new = try SocketFile(moving: second.address, to: path)
        _ = consume old
        #expect(try canConnect(path))
        #expect(second.hasWaiting as Bool)
        #expect(!first.hasWaiting as Bool)
        _ = consume new
    }

    /// A symbolic link is somebody's, wherever it leads.
    @Test(arguments: ["/nonexistent", "status.real"]) func aLinkIsLeftAlone(target: String) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/status"
        #expect(unsafe symlink(target, path) == 0)
        let listener = try Listener(bound(for: path), keepalive: nil)
        let error = #expect(throws: SystemCallError.self) {
            _ = try SocketFile(moving: listener.address, to: path)
        }
        #expect(error?.errno == Errno(rawValue: EEXIST))
        var status = stat()
        #expect(unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    }

    @Test func aFileThatCannotBeIsAnErrorAndLeavesNothing() throws {
        let directory = try TemporaryDirectory()
        let temporary = try bound(for: "\(directory.path)/status")
        let listener = try Listener(temporary, keepalive: nil)
        let error = #expect(throws: SystemCallError.self) {
            _ = try SocketFile(moving: listener.address, to: "\(directory.path)/missing/status")
        }
        #expect(error?.errno == .notFound)
        #expect(unsafe access(temporary.host, F_OK) == -1)
    }

    @Test func noRoomInAnAddressIsNoAddress() {
        #expect(SocketFile.temporaryAddress(for: "") == nil)
        #expect(SocketFile.temporaryAddress(for: "@abstract") == nil)
        #expect(SocketFile.temporaryAddress(for: "/" + String(repeating: "x", count: 106)) == nil)
    }
}
