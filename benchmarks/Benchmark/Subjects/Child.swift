import Glibc
import Reactor

/// A process that the coordinator starts, and ends by its process id.
package final class Child {
    /// The process id.
    package let process: Int32
    package private(set) var status: Int32?

    /// The standard descriptors of a child.
    package struct Plumbing {
        /// Descriptor for standard input; nil for /dev/null.
        package var input: CInt?
        /// Descriptor for standard output; nil for the file `output`.
        package var stream: CInt?
        /// The path of the file to which standard error is appended, and standard output unless `stream` is set.
        package var output: String

        package init(input: CInt? = nil, stream: CInt? = nil, output: String = "/dev/null") {
            self.input = input
            self.stream = stream
            self.output = output
        }
    }

    /// Starts a program, found on PATH if its name has no slash. The child gets the default signal mask; otherwise the
    /// signals that the coordinator blocks would stay blocked in the child.
    package init(_ arguments: [String], _ plumbing: Plumbing) throws(SystemCallError) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { _ = unsafe posix_spawn_file_actions_destroy(&actions) }
        if let input = plumbing.input {
            unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 2, plumbing.output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, plumbing.stream ?? 2, 1)

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        var pipe = sigset_t()
        unsafe sigemptyset(&pipe)
        unsafe sigaddset(&pipe, SIGPIPE)
        unsafe posix_spawnattr_setsigdefault(&attributes, &pipe)
        // A process group of its own, so that Ctrl-C reaches only the coordinator, which ends its children in order.
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        var process: pid_t = 0
        let result = unsafe CStrings.with(arguments) { arguments, name in
            unsafe posix_spawnp(&process, name, &actions, &attributes, arguments, environ)
        }
        guard result == 0 else {
            throw SystemCallError(call: "posix_spawn", subject: arguments.first ?? "", errno: Errno(rawValue: result))
        }
        self.process = process
    }

    /// True until the process has ended.
    package var isRunning: Bool {
        guard status == nil else { return false }
        var status: Int32 = 0
        guard unsafe waitpid(process, &status, WNOHANG) == process else { return true }
        self.status = status
        return false
    }

    /// Waits for the process to end, at most `timeout`. True when it has ended.
    package func wait(_ timeout: Duration) -> Bool {
        let clock = Clock.monotonic
        let deadline = clock.now() + timeout
        while isRunning {
            guard clock.now() < deadline else { return false }
            usleep(2000)
        }
        return true
    }

    /// Ends the process and its descendants: with SIGTERM, then with SIGKILL if that does not suffice.
    package func end() {
        guard isRunning else { return }
        let tree = Proc.tree([process])
        for process in tree { kill(process, SIGTERM) }
        if !wait(.seconds(1)) { kill(process, SIGKILL) }
        _ = wait(.seconds(2))
        // Workers may outlive their master. They are orphans then, but still have the same process ids.
        for process in tree.dropFirst() where Proc.text("/proc/\(process)/stat") != nil { kill(process, SIGKILL) }
    }
}

/// Argument lists in the form that execve(2) requires.
enum CStrings {
    /// Calls `body` with the strings as an array that ends with a null pointer, and with the first of them.
    static func with<Result>(
        _ strings: [String],
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, UnsafeMutablePointer<CChar>) -> Result
    ) -> Result {
        let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
        let empty = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        unsafe empty.initialize(to: 0)
        for (place, string) in strings.enumerated() {
            unsafe (pointers + place).initialize(to: strdup(string))
        }
        unsafe (pointers + strings.count).initialize(to: nil)
        defer {
            for place in strings.indices { unsafe free(pointers[place]) }
            unsafe pointers.deallocate()
            unsafe empty.deallocate()
        }
        return unsafe body(pointers, pointers[0] ?? empty)
    }
}
