import CEpoll
import Reactor
import Synchronization

/// Reads the downloads beside the work in a thread on a core of its own, so that the latencies of the work are not those
/// of a reader that is busy.
///
/// The thread has a generator for the downloads alone. What both threads know of each other stands here.
final class SeparateReader: Sendable {
    private let askedCount = Atomic<Int>(0)
    private let byteCount = Atomic<UInt64>(0)
    private let failures = Atomic<Int>(0)
    private let mismatches = Atomic<Int>(0)
    private let over = Atomic<Bool>(false)

    // MARK: told by the thread

    /// A download has been asked for.
    func noteAsked() { askedCount.add(1, ordering: .relaxed) }

    /// Bytes have been read.
    func noteBytes(_ count: Int) { byteCount.add(UInt64(count), ordering: .relaxed) }

    /// A download has failed.
    func noteFailure() { failures.add(1, ordering: .relaxed) }

    /// A byte of a download was wrong.
    func noteMismatch() { mismatches.add(1, ordering: .relaxed) }

    /// Nothing is wanted any more.
    var isOver: Bool { over.load(ordering: .relaxed) }

    // MARK: asked by the generator that has started it

    /// Downloads that have been asked for.
    var asked: Int { askedCount.load(ordering: .relaxed) }

    /// Bytes that have been read.
    var bytes: UInt64 { byteCount.load(ordering: .relaxed) }

    /// The downloads of a plan, as work of their own that goes on until it is over.
    static func plan(of plan: LoadPlan) -> LoadPlan {
        var downloads = LoadPlan(.down, connections: plan.disturbers)
        downloads.downloadRate = plan.downloadRate
        downloads.isBeside = true
        downloads.port = plan.port
        downloads.seconds = LoadPlan.secondsMax
        return downloads
    }

    /// Starts the thread. It is left to itself at the end: the process ends soon after.
    func start(_ plan: LoadPlan, core: Int) throws(SystemCallError) {
        let downloads = Self.plan(of: plan)
        _ = try LoopThread(name: "reader") {
            // Where the system does not allow it, the reader runs where there is room.
            _ = cepoll_pin_thread(UInt32(core))
            do throws(SystemCallError) {
                var generator = try Generator(downloads, readingFor: self)
                _ = try generator.run()
            } catch {
                self.noteFailure()
            }
        }
    }

    /// Ends the downloads, which the thread sees in its next turn, and adds to the sample what went wrong with them.
    func end(into sample: inout Sample) {
        over.store(true, ordering: .relaxed)
        let failures = failures.load(ordering: .relaxed)
        if failures > 0 { sample.errors["downloads beside the work", default: 0] += failures }
        sample.mismatches += mismatches.load(ordering: .relaxed)
    }
}
