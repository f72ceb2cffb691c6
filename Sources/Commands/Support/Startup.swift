import Glibc
import Reactor

/// The first steps of every program here.
public enum Startup {
    /// Opens descriptors 0, 1 and 2 if they are closed, makes writes fail with an error instead of a signal, makes a
    /// container's first process end on signals, leaves inherited children to the kernel unless the program
    /// `startsPrograms` and waits for them, and raises the limit of descriptors. Returns that limit.
    ///
    /// A program started with a standard descriptor closed (`0<&-`) would otherwise get its first socket under that
    /// number and print its lines to it.
    @discardableResult public static func prepare(startsPrograms: Bool = false) -> Int {
        while true {
            let number = unsafe open("/dev/null", O_RDWR)
            guard number >= 0 else { break }
            if number > STDERR_FILENO {
                close(number)
                break
            }
        }
        Signals.ignoreFailedWrites()
        Signals.endProcessOne()
        if !startsPrograms { Signals.leaveChildrenToKernel() }
        return DescriptorLimit.raise()
    }

    /// Throws unless there is memory for a program with so many threads, and for the log: with too little, the first small
    /// allocation that fails would end the program without a message.
    public static func checkMemory(_ threads: ThreadCount) throws(SystemCallError) {
        try MemoryLimit.checkRoom(bytesNeeded(threads))
    }

    /// How much a program with so many threads needs beyond what it is itself.
    static func bytesNeeded(_ threads: ThreadCount) -> Int {
        bytesAtStart + (threads.loops + threads.others) * (bytesPerLoop + min(LoopThread.stackBytes(), stackBytesMax))
    }

    /// What a program allocates in small pieces, many times over.
    private static let bytesAtStart = 16 << 20
    /// A larger stack (`ulimit -s`) is mapped, and never used to its end.
    private static let stackBytesMax = 8 << 20
    /// A loop's tables for the first sessions, and its buffers; another thread's allocations are not more.
    private static let bytesPerLoop = 4 << 20
}

/// How many threads a program runs.
public struct ThreadCount: Sendable {
    /// Those that have an event loop each: `--threads`.
    public var loops: Int
    /// Those beside them, except the log's.
    public var others = 0

    /// So many.
    public init(loops: Int, others: Int = 0) {
        self.loops = loops
        self.others = others
    }
}
