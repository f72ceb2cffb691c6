import Glibc

/// Room for plain values or movable elements, which a container fills from the start and makes larger when it must.
///
/// Untouched memory of a large reserve costs address space only, so the pointer is all there is to know. A reserve that
/// cannot be had or made larger is no fault of the program: the limit of address space (RLIMIT_AS) or of committed memory
/// (`vm.overcommit_memory=2`) is reached, and the container has as many places as before.
enum Reserve {
    /// A pointer for containers without room: never read or written.
    static func none<Element: ~Copyable>(of type: Element.Type) -> UnsafeMutablePointer<Element> {
        // The alignment of a type is never 0.
        unsafe UnsafeMutablePointer(bitPattern: MemoryLayout<Element>.alignment).unsafelyUnwrapped
    }

    /// Gives `elements`, which has room for `room` of them, room for `wanted`, more than that. The elements are moved as
    /// bytes, as every element of a container may be. False, and nothing has changed, when there is no memory.
    static func enlarge<Element: ~Copyable>(
        _ elements: inout UnsafeMutablePointer<Element>, room: Int, to wanted: Int
    ) -> Bool {
        precondition(MemoryLayout<Element>.alignment <= alignmentMax, "realloc(3) does not align so far")
        let (bytes, isTooMuch) = wanted.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        let old = room > 0 ? UnsafeMutableRawPointer(elements) : nil
        guard !isTooMuch, let moved = unsafe kernel.resizeMemory(old, bytes: bytes) else { return false }
        unsafe elements = moved.assumingMemoryBound(to: Element.self)
        return true
    }

    /// Frees what ``enlarge(_:room:to:)`` has given.
    static func free<Element: ~Copyable>(_ elements: UnsafeMutablePointer<Element>, room: Int) {
        if room > 0 { unsafe Glibc.free(elements) }
    }

    /// What malloc(3) guarantees on 64-bit machines.
    private static let alignmentMax = 16
}
