import Foundation
import Glibc
import Synchronization
import Testing

/// A program under test with pipes for its three standard streams.
///
/// The program starts with no signal blocked or ignored. It is killed and reaped by its
/// process id when its ``TestScope`` ends.
final class RunningProgram: Sendable {
    enum End: Equatable, Sendable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    /// Where the program's standard output and standard error go.
    enum Streams {
        case separate
        /// Both go to ``output``, in the order in which they were written.
        case merged
        /// Standard output goes to a pipe of the smallest size that is not read before ``readOutput()``.
        case outputUnread
    }

    private struct State {
        var input: Int32?
        var unreadOutput: Int32?
        var end: End?
    }

    let name: String
    let pid: pid_t
    let output: Transcript
    let errors: Transcript
    private let state: Mutex<State>

    /// Starts `program` with `arguments`, and with a limit of open files if one is given.
    static func start(
        _ program: Program, _ arguments: [String], named name: String? = nil, streams: Streams = .separate,
        openFilesMax: Int? = nil, environment: [String: String] = [:], at location: SourceLocation = #_sourceLocation
    ) throws -> RunningProgram {
        let path = try program.path(at: location)
        let command =
            if let openFilesMax {
                ["/bin/sh", "-c", "ulimit -n \(openFilesMax); exec \"$0\" \"$@\"", path] + arguments
            } else {
                [path] + arguments
            }
        return try start(
            command, named: name ?? program.rawValue, streams: streams, environment: environment, at: location)
    }

    /// Starts any command by its full path.
    ///
    /// - Parameters:
    ///   - environment: Variables in addition to the environment of the tests.
    ///   - descriptors: The program's descriptors 3 and up.
    static func start(
        _ command: [String], named name: String, streams: Streams = .separate, environment: [String: String] = [:],
        descriptors: [Int32] = [], at location: SourceLocation = #_sourceLocation
    ) throws -> RunningProgram {
        let program = try RunningProgram(
            command, named: name, streams: streams, environment: environment, descriptors: descriptors, at: location)
        TestScope.keep(program)
        return program
    }

    private init(
        _ command: [String], named name: String, streams: Streams, environment: [String: String],
        descriptors: [Int32], at location: SourceLocation
    ) throws {
        let input = try Pipe(at: location)
        let output = try Pipe(at: location)
        let errors = try Pipe(at: location)
        defer { for descriptor in [input.reading, output.writing, errors.writing] { Glibc.close(descriptor) } }
        do {
            let standard = [input.reading, output.writing, streams == .merged ? output.writing : errors.writing]
            pid = try spawn(command, descriptors: standard + descriptors, environment, at: location)
        } catch {
            for descriptor in [input.writing, output.reading, errors.reading] { Glibc.close(descriptor) }
            throw error
        }
        self.name = name
        self.output = Transcript(named: "\(name) stdout")
        self.errors = Transcript(named: "\(name) stderr")
        self.errors.collect(from: errors.reading)
        if streams == .outputUnread {
            // The kernel rounds the size up to a page, which a few dozen lines fill.
            _ = fcntl(output.reading, setPipeSize, 1)
            state = Mutex(State(input: input.writing, unreadOutput: output.reading))
        } else {
            self.output.collect(from: output.reading)
            state = Mutex(State(input: input.writing))
        }
    }

    /// Starts reading an output that was left unread.
    func readOutput() {
        if let descriptor = state.withLock({ $0.unreadOutput.take() }) { output.collect(from: descriptor) }
    }

    // MARK: Input

    /// Types a line.
    func send(_ line: String, at location: SourceLocation = #_sourceLocation) throws {
        try send(bytes: Array(line.utf8) + [UInt8(ascii: "\n")], at: location)
    }

    func send(bytes: [UInt8], at location: SourceLocation = #_sourceLocation) throws {
        guard let input = state.withLock({ $0.input }) else {
            throw TestFailure("the input of \(name) is closed", at: location)
        }
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes { unsafe write(input, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw TestFailure("\(name) does not read its input\n\(summary)", at: location) }
            sent += count
        }
    }

    func closeInput() {
        state.withLock { state in
            if let input = state.input.take() { Glibc.close(input) }
        }
    }

    // MARK: Lines

    /// The program's output and whether it still runs, for failure messages.
    var summary: String {
        let life = endIfAny().map { "\($0)" } ?? "running"
        return "  \(name) (\(life))\n\(output.summary)\n\(errors.summary)"
    }

    /// Waits until standard output has `times` lines that are exactly `text`.
    func waitForLine(
        _ text: String, times: Int = 1, within limit: Duration = .seconds(10),
        at location: SourceLocation = #_sourceLocation
    ) throws {
        try wait("the line \"\(text)\" \(times) times", within: limit, at: location) { output.count(of: text) >= times }
    }

    /// Waits for a line of standard output that `isWanted`.
    @discardableResult
    func waitForLine(
        _ what: String, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation,
        where isWanted: (String) -> Bool
    ) throws -> String {
        try eventually("\(name) prints \(what)", within: limit, details: { summary }, at: location) {
            output.texts.first(where: isWanted)
        }
    }

    /// Waits for `condition`; the failure message has the program's output.
    func wait(
        _ what: String, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation,
        for condition: () throws -> Bool
    ) throws {
        try eventually("\(name): \(what)", within: limit, details: { summary }, at: location, condition)
    }

    // MARK: Life and end

    var isRunning: Bool { endIfAny() == nil }

    func signal(_ number: Int32) {
        state.withLock { state in
            // After the process has been reaped, another one may have its process id.
            if reap(&state) == nil { kill(pid, number) }
        }
    }

    /// Waits until the program has ended by itself and all its output has been read.
    @discardableResult
    func waitForExit(
        within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws -> End {
        let end: End = try eventually("\(name) ends", within: limit, details: { summary }, at: location) { endIfAny() }
        let hasOutput = state.withLock { $0.unreadOutput == nil }
        try wait("the end of its streams", within: .seconds(5), at: location) {
            errors.isEnded && (!hasOutput || output.isEnded)
        }
        return end
    }

    /// Kills the program with SIGKILL and waits until it has ended.
    func destroy() {
        signal(SIGKILL)
        try? eventually("\(name) is reaped", within: .seconds(10)) { endIfAny() != nil }
        state.withLock { state in
            if let input = state.input.take() { Glibc.close(input) }
            if let output = state.unreadOutput.take() { Glibc.close(output) }
        }
    }

    private func endIfAny() -> End? {
        state.withLock { reap(&$0) }
    }

    private func reap(_ state: inout State) -> End? {
        if let end = state.end { return end }
        var status: Int32 = 0
        guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return nil }
        state.end = status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal: status & 0x7F)
        return state.end
    }
}

/// `F_SETPIPE_SZ` of Linux, which the Glibc module leaves out.
private let setPipeSize: Int32 = 1031

private let spawning = Mutex(())

/// Runs `body` while no program is being started.
///
/// A descriptor that is created without its close-on-exec flag (the Glibc module has neither `pipe2` nor `accept4`)
/// would otherwise be inherited by a program that another test starts at that moment, so that its other end never sees
/// it close.
func withoutSpawning<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    try spawning.withLock { _ throws(Failure) in try body() }
}

private struct Pipe {
    let reading: Int32
    let writing: Int32

    init(at location: SourceLocation) throws {
        var ends: [Int32] = [-1, -1]
        try withoutSpawning {
            guard unsafe pipe(&ends) == 0 else { throw TestFailure("pipe: errno \(errno)", at: location) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        }
        reading = ends[0]
        writing = ends[1]
    }
}

/// True for variables with which a service manager or a user configures the programs; tests must not inherit them.
private func concernsPrograms(_ variable: String) -> Bool {
    ["NOTIFY_", "WATCHDOG_", "LISTEN_", "BALANCER_ADMIN_"].contains { variable.hasPrefix($0) }
}

/// One above the highest descriptor that this process may have; no test has more than 4,096.
private func descriptorsEnd() -> Int {
    var limit = rlimit()
    _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(min(limit.rlim_cur, 4096))
}

/// - Parameter descriptors: The program's descriptors 0, 1, 2 and so on.
private func spawn(
    _ command: [String], descriptors: [Int32], _ additions: [String: String], at location: SourceLocation
) throws -> pid_t {
    // Copies with high numbers, so that no descriptor is overwritten before it has been duplicated.
    let copies = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 256) }
    defer { for copy in copies { close(copy) } }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for (number, copy) in copies.enumerated() {
        unsafe posix_spawn_file_actions_adddup2(&actions, copy, Int32(number))
    }
    // What other tests of this process have open at the moment: a program that inherits a socket of theirs keeps it open when
    // they close it, and SwiftNIO accepts connections without close-on-exec. What is not open is passed over.
    for number in descriptors.count..<descriptorsEnd() {
        unsafe posix_spawn_file_actions_addclose(&actions, Int32(number))
    }

    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    var all = sigset_t()
    unsafe sigfillset(&all)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setsigdefault(&attributes, &all)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let own = ProcessInfo.processInfo.environment.filter { !concernsPrograms($0.key) }
    let environment = own.merging(additions) { $1 }.map { "\($0.key)=\($0.value)" }
    let argumentPointers = unsafe command.map { unsafe strdup($0) } + [nil]
    let environmentPointers = unsafe environment.map { unsafe strdup($0) } + [nil]
    defer { unsafe (argumentPointers + environmentPointers).forEach { unsafe free($0) } }

    var pid: pid_t = 0
    let code = withoutSpawning {
        unsafe posix_spawn(&pid, command[0], &actions, &attributes, argumentPointers, environmentPointers)
    }
    guard code == 0 else { throw TestFailure("cannot start \(command): errno \(code)", at: location) }
    return pid
}
