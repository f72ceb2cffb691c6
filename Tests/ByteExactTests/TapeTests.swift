import Testing

@testable import ByteExact

/// That wrong bytes are found, and where they come from.
@Suite struct TapeTests {
    private let start = 16_000_000

    @Test(arguments: [0, 1, 777_212, 777_213, 1 << 32])
    func theRightBytesAreRight(position: Int) {
        let tape = Tape()
        let run = unsafe tape.run(start: start, position: position, count: 4096)
        #expect(unsafe tape.firstDifference(run, start: start, position: position) == nil)
    }

    @Test func eachWrongByteIsFound() {
        let tape = Tape()
        var bytes = unsafe Array(tape.run(start: start, position: 700, count: 64))
        for place in bytes.indices {
            bytes[place] ^= 1
            let found = unsafe bytes.withUnsafeBytes { unsafe tape.firstDifference($0, start: start, position: 700) }
            #expect(found == place)
            bytes[place] ^= 1
        }
    }

    @Test(arguments: [1, 4096, 65_521, 65_536, 1 << 20])
    func lostAndRepeatedBytesAreToldApart(distance: Int) {
        let tape = Tape()
        let position = 1 << 21
        let later = unsafe tape.run(start: start, position: position + distance, count: 4096)
        #expect(unsafe tape.firstDifference(later, start: start, position: position) != nil)
        #expect(
            unsafe tape.origin(of: later, start: start, position: position)
                == "they belong \(distance) bytes further on: bytes were lost, or they are of another stream")
        let earlier = unsafe tape.run(start: start, position: position - distance, count: 4096)
        #expect(
            unsafe tape.origin(of: earlier, start: start, position: position)
                == "they belong \(distance) bytes further back: bytes were repeated, or they are of another stream")
    }
}
