#if SCRIPTED_KERNEL
    import CEpoll
    import Glibc

    /// A kernel that a test plays: it answers each system call that the reactor makes on the thread it is given to.
    ///
    /// Every function has the contract of the system call of its name; numbers below zero are `-errno`. Debug builds
    /// only.
    public protocol ScriptedKernel: AnyObject {
        /// epoll_create1(2).
        func epollCreate() -> CInt
        /// epoll_ctl(2), EPOLL_CTL_ADD.
        func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt
        /// epoll_ctl(2), EPOLL_CTL_DEL.
        func epollRemove(_ epoll: CInt, _ descriptor: CInt) -> CInt
        /// epoll_wait(2).
        func epollWait(
            _ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt
        ) -> CInt
        /// clock_gettime(2), CLOCK_MONOTONIC.
        func monotonicNanoseconds() -> UInt64
        /// timerfd_create(2).
        func timerCreate() -> CInt
        /// timerfd_settime(2), absolute; 0 disarms.
        func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt
        /// eventfd(2).
        func eventCreate() -> CInt
        /// socket(2), a non-blocking stream.
        func socket(domain: CInt) -> CInt
        /// bind(2).
        func bind(_ socket: CInt, to address: SocketAddress) -> CInt
        /// listen(2).
        func listen(_ socket: CInt, backlog: CInt) -> CInt
        /// connect(2).
        func connect(_ socket: CInt, to address: SocketAddress) -> CInt
        /// accept4(2).
        func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?)
        /// getsockname(2).
        func localAddress(_ socket: CInt) -> SocketAddress?
        /// getpeername(2), whether it succeeds.
        func isConnected(_ socket: CInt) -> Bool
        /// setsockopt(2) of an int.
        func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt
        /// getsockopt(2), SO_ERROR.
        func takeError(_ socket: CInt) -> CInt
        /// setsockopt(2), SO_LINGER with a timeout of 0.
        func setResetOnClose(_ socket: CInt) -> CInt
        /// recv(2).
        func receive(_ socket: CInt, _ buffer: UnsafeMutableRawBufferPointer, peek: Bool) -> Int
        /// send(2).
        func send(_ socket: CInt, _ bytes: UnsafeRawBufferPointer) -> Int
        /// sendto(2), MSG_FASTOPEN.
        func sendConnecting(_ socket: CInt, _ bytes: UnsafeRawBufferPointer, to address: SocketAddress) -> Int
        /// shutdown(2), SHUT_WR.
        func shutdownWrite(_ socket: CInt) -> CInt
        /// close(2).
        func close(_ descriptor: CInt)
        /// poll(2) for POLLIN, without a wait.
        func isReadable(_ descriptor: CInt) -> Bool
        /// read(2).
        func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int
        /// write(2).
        func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int
        /// pipe2(2), both ends non-blocking.
        func pipe() -> (result: CInt, reader: CInt, writer: CInt)
        /// fcntl(2), F_SETPIPE_SZ.
        func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt
        /// splice(2), SPLICE_F_NONBLOCK.
        func splice(from source: CInt, to sink: CInt, count: Int) -> Int
        /// open(2).
        func open(_ path: String, flags: CInt) -> CInt
    }

    /// Lets `kernel` answer every system call that the reactor makes on this thread while `body` runs; then the script
    /// that answered before answers again, or the real kernel.
    ///
    /// Descriptors must be made and closed inside one such call: they are the script's, not the kernel's.
    public func withScriptedKernel<Result>(
        _ kernel: any ScriptedKernel, _ body: () throws -> Result
    ) rethrows -> Result {
        let outer = unsafe pthread_getspecific(ScriptedKernels.key)
        let box = unsafe Unmanaged.passRetained(ScriptedKernels.Box(kernel))
        unsafe pthread_setspecific(ScriptedKernels.key, box.toOpaque())
        defer {
            unsafe pthread_setspecific(ScriptedKernels.key, outer)
            unsafe box.release()
        }
        return try body()
    }

    /// The script of the current thread: tests run side by side, each on a thread of its own.
    enum ScriptedKernels {
        final class Box {
            let kernel: any ScriptedKernel
            init(_ kernel: any ScriptedKernel) { self.kernel = kernel }
        }

        static let key: pthread_key_t = {
            var key = pthread_key_t()
            unsafe pthread_key_create(&key, nil)
            return key
        }()

        static var current: (any ScriptedKernel)? {
            guard let box = unsafe pthread_getspecific(key) else { return nil }
            return unsafe Unmanaged<Box>.fromOpaque(box).takeUnretainedValue().kernel
        }

        /// `body` for another thread, where the script of this one answers; such a script is called by both.
        static func inherited(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
            guard let script = Shared(kernel: current) else { return body }
            return { withScriptedKernel(script.kernel, body) }
        }

        /// Unchecked: a script that starts threads is one that several may call; the protocol cannot ask for it, since most
        /// scripts are of one thread.
        private struct Shared: @unchecked Sendable {
            let kernel: any ScriptedKernel

            init?(kernel: (any ScriptedKernel)?) {
                guard let kernel else { return nil }
                self.kernel = kernel
            }
        }
    }
#endif
