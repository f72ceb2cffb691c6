import CEpoll
import Glibc

/// A thread of the process, with a name that `top -H` shows: pthread_create(3).
///
/// It inherits the signals that the creating thread has blocked, and in debug builds that thread's ``ScriptedKernel``.
/// When the value ends without ``join()``, the thread is detached and runs on.
public struct LoopThread: ~Copyable {
    private let thread: pthread_t

    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a thread that runs `body`. The kernel keeps 15 bytes of a name; the rest is cut off.
    public init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        #if SCRIPTED_KERNEL
            let body = ScriptedKernels.inherited(body)
        #endif
        let start = unsafe Unmanaged.passRetained(Start(name: String(name.prefix(15)), body: body))
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                _ = unsafe cepoll_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        if result != 0 {
            unsafe start.release()
            throw SystemCallError(call: "pthread_create", subject: name, errno: Errno(rawValue: result))
        }
        self.thread = thread
    }

    /// Starts a detached thread with all signals blocked. A signal for the process that such a thread took would have its
    /// default action: SIGTERM would end the process at once, instead of reaching the loop that waits for it.
    public static func startWithoutSignals(
        name: String, _ body: @escaping @Sendable () -> Void
    ) throws(SystemCallError) {
        try Signals.withAllBlocked { () throws(SystemCallError) in _ = try LoopThread(name: name, body) }
    }

    /// The stack of a thread: as much as `ulimit -s` allows the first one, used or not.
    public static func stackBytes() -> Int {
        var attributes = pthread_attr_t()
        var bytes = 0
        guard unsafe pthread_attr_init(&attributes) == 0 else { return 0 }
        unsafe pthread_attr_getstacksize(&attributes, &bytes)
        unsafe pthread_attr_destroy(&attributes)
        return bytes
    }

    /// Waits until the thread has ended.
    public consuming func join() {
        pthread_join(thread, nil)
        discard self
    }

    deinit { pthread_detach(thread) }
}
