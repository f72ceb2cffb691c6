/// A block of memory of a fixed size that reads go into.
///
/// A loop has one for all of its sockets, since what was read is passed on before the next read. The memory is not
/// cleared: what a read has not filled is not to be looked at.
@safe public struct ByteBuffer: ~Copyable {
    /// All of the memory.
    public let memory: UnsafeMutableRawBufferPointer
    /// True of memory of mmap(2), false of the C library's.
    private let isMapped: Bool

    /// The usual size of a cache line: no other data shares the first and last line with the buffer.
    public static let cacheLineBytes = 64
    /// The usual size of a page, for large buffers: the kernel copies from and to whole pages.
    public static let pageBytes = 4096

    /// Allocates `count` bytes, at least one. `alignment` is a power of two.
    public init(count: Int, alignment: Int = ByteBuffer.cacheLineBytes) {
        unsafe memory = .allocate(byteCount: max(count, 1), alignment: alignment)
        isMapped = false
    }

    /// Maps `count` bytes, at least one; nil when there is no room for them.
    ///
    /// They cost nothing before they are touched, and the kernel has all of them back when the buffer ends. What is
    /// allocated instead the C library may keep: it raises the size from which it maps to the largest block that was
    /// freed so far, and what lies below that in its heap stays while anything above it is in use (mallopt(3)).
    public init?(mapping count: Int) {
        let count = max(count, 1)
        guard let start = unsafe kernel.mapMemory(bytes: count) else { return nil }
        unsafe memory = UnsafeMutableRawBufferPointer(start: start, count: count)
        isMapped = true
    }

    deinit {
        guard isMapped, let start = unsafe memory.baseAddress else { return unsafe memory.deallocate() }
        unsafe LinuxKernel.unmapMemory(start, bytes: memory.count)
    }

    /// The size in bytes.
    @inlinable public var count: Int { unsafe memory.count }

    /// The first `count` bytes, to be filled. Valid while the buffer lives.
    @inlinable public func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
    }

    /// The first `count` bytes, which a read has filled. Valid while the buffer lives, and until the next read into it.
    @inlinable public func prefix(_ count: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: memory[..<count])
    }

    /// The bytes at these places, which a read has filled. Valid as those of ``prefix(_:)`` are.
    @inlinable public func bytes(in range: Range<Int>) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: memory[range])
    }
}
