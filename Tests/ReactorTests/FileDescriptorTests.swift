import Glibc
import Reactor
import Testing

/// The largest number a descriptor can have, which no test opens.
private let number = CInt.max

/// Keeps closes to itself: its descriptors do not exist.
private final class ClosingKernel: ForwardingKernel {
    var closes: [CInt] = []

    override func close(_ descriptor: CInt) { closes.append(descriptor) }
}

private func consume(_ descriptor: consuming FileDescriptor) {}

@Suite struct FileDescriptorTests {
    @Test func closesWhenItEnds() {
        let kernel = ClosingKernel()
        withScriptedKernel(kernel) {
            do {
                let descriptor = FileDescriptor(owning: number)
                #expect(descriptor.isOpen as Bool)
                #expect(descriptor.rawValue == number)
                #expect(kernel.closes == [])
            }
            #expect(kernel.closes == [number])
        }
        #expect(kernel.closes == [number])
    }

    @Test func closesOnceWhenHandedOn() {
        let kernel = ClosingKernel()
        withScriptedKernel(kernel) {
            let descriptor = FileDescriptor(owning: number)
            let other = descriptor
            consume(other)
            #expect(kernel.closes == [number])
        }
        #expect(kernel.closes == [number])
    }

    @Test func closesTheOldOneWhenReplaced() {
        let kernel = ClosingKernel()
        withScriptedKernel(kernel) {
            var descriptor = FileDescriptor(owning: number)
            descriptor = FileDescriptor(owning: number - 1)
            #expect(kernel.closes == [number])
            descriptor = .empty
            #expect(kernel.closes == [number, number - 1])
            #expect(!descriptor.isOpen as Bool)
        }
        #expect(kernel.closes == [number, number - 1])
    }

    @Test func aReleasedDescriptorStaysOpen() {
        let kernel = ClosingKernel()
        withScriptedKernel(kernel) {
            let descriptor = FileDescriptor(owning: number)
            #expect(descriptor.release() == number)
        }
        #expect(kernel.closes == [])
    }

    @Test func theEmptyDescriptorClosesNothing() {
        let kernel = ClosingKernel()
        withScriptedKernel(kernel) {
            let descriptor = FileDescriptor.empty
            #expect(!descriptor.isOpen as Bool)
        }
        #expect(kernel.closes == [])
    }

    @Test func theKernelSeesTheClose() throws {
        let pipe = try Pipe()
        let reader = pipe.reader
        consume(pipe.writer)
        var byte: UInt8 = 0
        // The end of the file comes when the last writer has gone; otherwise poll(2) would run out of time.
        var request = pollfd(fd: reader.rawValue, events: Int16(POLLIN), revents: 0)
        #expect(unsafe poll(&request, 1, 20_000) == 1)
        #expect(unsafe read(reader.rawValue, &byte, 1) == 0)
    }
}
