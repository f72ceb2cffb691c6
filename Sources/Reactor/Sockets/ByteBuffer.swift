/// A block of memory of a fixed size that reads go into.
///
/// A loop has one for all of its sockets, since what was read is passed on before the next read. The memory is not
/// cleared: what a read has not filled is not to be looked at.
@safe public struct ByteBuffer: ~Copyable {
    /// All of the memory.
    public let memory: UnsafeMutableRawBufferPointer

    /// The usual size of a cache line: no other data shares the first and last line with the buffer.
    public static let cacheLineBytes = 64
    /// The usual size of a page, for large buffers: the kernel copies from and to whole pages.
    public static let pageBytes = 4096

    /// Allocates `count` bytes, at least one. `alignment` is a power of two.
    public init(count: Int, alignment: Int = ByteBuffer.cacheLineBytes) {
        unsafe memory = .allocate(byteCount: max(count, 1), alignment: alignment)
    }

    deinit { unsafe memory.deallocate() }

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
