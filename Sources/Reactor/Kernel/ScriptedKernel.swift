#if SCRIPTED_KERNEL
    import CEpoll
    import Glibc

    /// The system calls that the reactor makes through ``kernel``.
    ///
    /// Every function has the contract of the system call of its name; numbers below zero are `-errno`.
    public protocol SystemCalls {
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
        /// clock_gettime(2), CLOCK_THREAD_CPUTIME_ID.
        func threadProcessorNanoseconds() -> UInt64
        /// timerfd_create(2).
        func timerCreate() -> CInt
        /// timerfd_settime(2), absolute; 0 disarms.
        func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt
        /// eventfd(2).
        func eventCreate() -> CInt
        /// socket(2), a non-blocking stream.
        func socket(domain: CInt) -> CInt
        /// socket(2), non-blocking, for datagrams.
        func datagramSocket(domain: CInt) -> CInt
        /// bind(2).
        func bind(_ socket: CInt, to address: SocketAddress) -> CInt
        /// listen(2).
        func listen(_ socket: CInt, backlog: CInt) -> CInt
        /// chmod(2).
        func setMode(ofPath path: String, _ mode: mode_t) -> CInt
        /// chown(2); nil leaves the owner or the group as it is.
        func setOwner(ofPath path: String, _ owner: uid_t?, group: gid_t?) -> CInt
        /// connect(2).
        func connect(_ socket: CInt, to address: SocketAddress) -> CInt
        /// accept4(2).
        func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?)
        /// getsockname(2).
        func localAddress(_ socket: CInt) -> SocketAddress?
        /// getpeername(2).
        func peerAddress(_ socket: CInt) -> SocketAddress?
        /// socket(2) for datagrams, connect(2), getsockname(2) and close(2).
        func sourceAddress(towards address: SocketAddress) -> SocketAddress?
        /// setsockopt(2) of an int.
        func setOption(_ socket: CInt, level: CInt, option: CInt, value: CInt) -> CInt
        /// getsockopt(2), SO_ERROR.
        func takeError(_ socket: CInt) -> CInt
        /// getsockopt(2), TCP_INFO: the round trip in microseconds.
        func roundTrip(_ socket: CInt) -> CInt
        /// ioctl(2), SIOCOUTQ.
        func unacknowledged(_ socket: CInt) -> CInt
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
        /// poll(2) for POLLIN, POLLOUT and POLLRDHUP, without a wait: what it reports.
        func readiness(_ descriptor: CInt) -> UInt32
        /// poll(2) for POLLIN, without a wait.
        func isReadable(_ descriptor: CInt) -> Bool
        /// poll(2) for POLLIN, which waits at most so many milliseconds.
        func isReadable(_ descriptor: CInt, milliseconds: CInt) -> Bool
        /// poll(2) for POLLOUT, which waits at most so many milliseconds.
        func waitWritable(_ descriptor: CInt, milliseconds: CInt) -> Bool
        /// fstat(2); nil when it fails.
        func status(_ descriptor: CInt) -> stat?
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
        /// mmap(2), anonymous.
        func mapMemory(bytes: Int) -> UnsafeMutableRawPointer?
        /// realloc(3).
        func resizeMemory(_ memory: UnsafeMutableRawPointer?, bytes: Int) -> UnsafeMutableRawPointer?
    }

    /// A kernel that a test implements. It answers each system call that the reactor makes on the thread it is given to
    /// with ``withScriptedKernel(_:_:)``. Debug builds only.
    public protocol ScriptedKernel: SystemCalls, AnyObject {}

    // A script has no time of its own, so it has nothing to wait for; its descriptors are not files of the machine, and
    // its memory is the machine's.
    extension ScriptedKernel {
        /// Does not wait.
        public func isReadable(_ descriptor: CInt, milliseconds: CInt) -> Bool { isReadable(descriptor) }
        /// -EAFNOSUPPORT: a script has no datagrams.
        public func datagramSocket(domain: CInt) -> CInt { -EAFNOSUPPORT }
        /// Not known.
        public func roundTrip(_ socket: CInt) -> CInt { -EOPNOTSUPP }
        /// 0: what is written is acknowledged at once.
        public func unacknowledged(_ socket: CInt) -> CInt { 0 }
        /// False: an output has no more room than the last write found.
        public func waitWritable(_ descriptor: CInt, milliseconds: CInt) -> Bool { false }
        /// 0: a script takes no processor time.
        public func threadProcessorNanoseconds() -> UInt64 { 0 }
        /// nil: the ends of a script's connections have no addresses.
        public func peerAddress(_ socket: CInt) -> SocketAddress? { nil }
        /// nil: a script has no routes.
        public func sourceAddress(towards address: SocketAddress) -> SocketAddress? { nil }
        /// nil: an output of a script is written to as a file is, which needs no more calls than `write`.
        public func status(_ descriptor: CInt) -> stat? { nil }
        /// 0: the sockets of a script have no files.
        public func setMode(ofPath path: String, _ mode: mode_t) -> CInt { 0 }
        /// 0: the sockets of a script have no files.
        public func setOwner(ofPath path: String, _ owner: uid_t?, group: gid_t?) -> CInt { 0 }
        /// The machine's: memory is not scripted unless a test is about its lack.
        public func mapMemory(bytes: Int) -> UnsafeMutableRawPointer? { unsafe LinuxKernel().mapMemory(bytes: bytes) }
        /// The machine's, as above.
        public func resizeMemory(_ memory: UnsafeMutableRawPointer?, bytes: Int) -> UnsafeMutableRawPointer? {
            unsafe LinuxKernel().resizeMemory(memory, bytes: bytes)
        }
    }

    extension LinuxKernel: SystemCalls {}

    /// Lets `kernel` answer every system call that the reactor makes on this thread while `body` runs. Afterwards calls
    /// are answered as before: by an outer script, or by the real kernel.
    ///
    /// Descriptors must be opened and closed inside one such call, since they are the script's and not the machine's.
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

        /// `body` for another thread, with the script of this thread, which both then call. What `body` captured ends
        /// under the script too, since its descriptors are the script's. To be called once.
        static func inherited(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
            guard let kernel = current else { return body }
            let task = Task(kernel, body)
            return { task.run() }
        }

        /// Unchecked: a script under which threads are started must be safe to call from several. The protocol cannot
        /// require it, since most scripts serve one thread. `body` is only touched by the thread that runs it.
        private final class Task: @unchecked Sendable {
            private let kernel: any ScriptedKernel
            private var body: (() -> Void)?

            init(_ kernel: any ScriptedKernel, _ body: @escaping @Sendable () -> Void) {
                self.kernel = kernel
                self.body = body
            }

            func run() {
                withScriptedKernel(kernel) {
                    body?()
                    body = nil
                }
            }
        }
    }
#endif
