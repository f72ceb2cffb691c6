import Glibc
import Reactor

/// Looks at processors and memory when the measured window begins and when it ends.
struct Meter {
    private let subject: Watch
    private let origin: Watch
    private let own: Watch
    private var subjectBefore = Usage()
    private var originBefore = Usage()
    private var ownBefore = Usage()
    private var busyBefore: UInt64 = 0
    /// When the window began.
    private(set) var began = Instant(nanoseconds: 0)
    /// Memory as it was then.
    private(set) var memory = (user: 0, kernel: 0)

    init(subject: Int32?, origin: Int32?) {
        self.subject = Watch(subject.map { [$0] } ?? [])
        self.origin = Watch(origin.map { [$0] } ?? [])
        own = Watch([getpid()])
    }

    /// The subject is looked at last, and first when the window ends: what looking costs is the generator's.
    mutating func begin(withMemory: Bool) {
        if withMemory { memory = measureMemory() }
        busyBefore = WholeMachine.busyNanoseconds()
        originBefore = origin.usage()
        ownBefore = own.usage()
        subjectBefore = subject.usage()
        began = Clock.monotonic.now()
    }

    func end(into sample: inout Sample) {
        sample.seconds = Double((Clock.monotonic.now() - began).wholeNanoseconds) / 1_000_000_000
        sample.subject = subject.usage() - subjectBefore
        sample.load = (own.usage() - ownBefore).nanoseconds
        sample.origin = (origin.usage() - originBefore).nanoseconds
        let busy = WholeMachine.busyNanoseconds() - busyBefore
        let known = sample.subject.nanoseconds + sample.load + sample.origin
        sample.others = busy > known ? busy - known : 0
        if WholeMachine.isShortOfSocketMemory { sample.isShortOfMemory = true }
        sample.residentBytes = subject.memory()
    }

    /// What the subject's processes and the kernel hold, in bytes.
    func measureMemory() -> (user: Int, kernel: Int) {
        (subject.memory(), WholeMachine.kernelMemory())
    }
}
