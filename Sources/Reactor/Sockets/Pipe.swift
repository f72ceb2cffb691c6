/// A pipe within the process, both ends non-blocking.
public struct Pipe: ~Copyable {
    private let reader: FileDescriptor
    private let writer: FileDescriptor

    /// Opens a pipe.
    public init() throws(SystemCallError) {
        let ends = kernel.pipe()
        reader = FileDescriptor(owning: ends.reader)
        writer = FileDescriptor(owning: ends.writer)
        try check(ends.result, "pipe2")
    }

    /// Opens a pipe that holds at least `bytes`. EMFILE, ENFILE; EPERM when a user without privilege has too many pages
    /// in pipes (`pipe-user-pages-soft` in pipe(7)).
    public init(bytes: Int) throws(SystemCallError) {
        let pipe = try Pipe()
        try check(kernel.setPipeSize(pipe.writer.rawValue, bytes: CInt(clamping: bytes)), "F_SETPIPE_SZ")
        self = pipe
    }

    /// The number of the end that is read from. The pipe owns the descriptor.
    var outputNumber: CInt { reader.rawValue }

    /// The number of the end that is written to, for an ``OutputStream``. The pipe owns the descriptor.
    public var inputNumber: CInt { writer.rawValue }

    /// Reads what there is; an empty array when there is nothing.
    public func read(atMost count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, unsafe kernel.read(reader.rawValue, UnsafeMutableRawBufferPointer(buffer)))
        }
    }
}
