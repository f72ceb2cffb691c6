import Glibc

@testable import Reactor

/// A kernel that grants memory only while a test lets it.
final class ScarceMemoryKernel: ForwardingKernel {
    var isOutOfMemory = false
    /// Requests that were refused.
    private(set) var refusals = 0

    override func mapMemory(bytes: Int) -> UnsafeMutableRawPointer? {
        if isOutOfMemory { refusals += 1 }
        return isOutOfMemory ? nil : unsafe super.mapMemory(bytes: bytes)
    }

    override func resizeMemory(_ memory: UnsafeMutableRawPointer?, bytes: Int) -> UnsafeMutableRawPointer? {
        if isOutOfMemory { refusals += 1 }
        return isOutOfMemory ? nil : unsafe super.resizeMemory(memory, bytes: bytes)
    }
}
