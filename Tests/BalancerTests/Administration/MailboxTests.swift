import Glibc
import Reactor
import Synchronization
import Testing

@testable import Balancer

/// Questions of other threads, and how a loop that does not answer is noticed.
@Suite struct MailboxTests {
    @Test("questions are answered in their order")
    func order() throws {
        let mailbox = try Mailbox()
        for number in 0..<5 {
            let isAsked = mailbox.ask(.session(SessionID(rawValue: UInt64(number)))) { _ in }
            #expect(isAsked)
        }
        var seen: [UInt64] = []
        while let letter = mailbox.next() {
            if case .session(let id) = letter.question { seen.append(id.rawValue) }
        }
        #expect(seen == [0, 1, 2, 3, 4])
    }

    @Test("a full mailbox takes nothing, until the loop has taken something out")
    func bound() throws {
        let mailbox = try Mailbox()
        for _ in 0..<Mailbox.lettersMax {
            let isAsked = mailbox.ask(.isAlive) { _ in }
            #expect(isAsked)
        }
        #expect(!mailbox.ask(.isAlive) { _ in })
        _ = mailbox.next()
        #expect(mailbox.ask(.isAlive) { _ in })
        #expect(!mailbox.ask(.isAlive) { _ in })
    }

    @Test("a closed mailbox takes nothing and holds nothing")
    func closed() throws {
        let mailbox = try Mailbox()
        _ = mailbox.ask(.isAlive) { _ in Issue.record("answered") }
        mailbox.close()
        #expect(mailbox.next() == nil)
        #expect(!mailbox.ask(.isAlive) { _ in Issue.record("answered") })
        #expect(mailbox.next() == nil)
    }

    @Test("questions of many threads are all taken, and those of each in their order")
    func threads() throws {
        let mailbox = try Mailbox()
        let (askers, count) = (4, 2000)
        var threads = Slab<LoopThread>(capacity: askers)
        for asker in 0..<askers {
            let thread = try LoopThread(name: "asker") {
                for number in 0..<count {
                    while !mailbox.ask(.session(SessionID(rawValue: UInt64(asker << 32 | number))), answer: { _ in }) {
                        sched_yield()
                    }
                }
            }
            _ = threads.insert(thread)
        }
        var next = [Int](repeating: 0, count: askers)
        while next.contains(where: { $0 < count }) {
            guard let letter = mailbox.next(), case .session(let id) = letter.question else {
                sched_yield()
                continue
            }
            let asker = Int(id.rawValue >> 32)
            #expect(Int(id.rawValue & 0xFFFF_FFFF) == next[asker])
            next[asker] += 1
        }
        for place in 0..<askers { threads.remove(at: place).join() }
    }

    // MARK: loops that do not answer

    @Test("a loop is asked once until it has answered")
    func asksOnce() {
        let heartbeats = Heartbeats(loops: 2)
        #expect(heartbeats.ask(0) as Bool)
        #expect(!heartbeats.ask(0) as Bool)
        #expect(heartbeats.ask(1) as Bool)
        heartbeats.answered(0)
        #expect(heartbeats.ask(0) as Bool)
        #expect(!heartbeats.ask(1) as Bool)
    }

    @Test("silence is told once it has lasted as long as an answer may take, and is over with the answer")
    func silence() {
        let kernel = StagedKernel()
        withScriptedKernel(kernel) {
            let heartbeats = Heartbeats(loops: 2)
            _ = heartbeats.ask(1)
            kernel.monotonic += 500_000_000
            heartbeats.begin()
            kernel.monotonic += 499_999_999
            #expect(heartbeats.silence(of: 1) == nil)
            kernel.monotonic += 1
            heartbeats.begin()
            #expect(heartbeats.silence(of: 1) == .seconds(1))
            #expect(heartbeats.silence(of: 0) == nil)
            for _ in 0..<8 {
                kernel.monotonic += 500_000_000
                heartbeats.begin()
            }
            // Asking again does not make it younger.
            #expect(!heartbeats.ask(1) as Bool)
            #expect(heartbeats.silence(of: 1) == .seconds(5))
            heartbeats.answered(1)
            #expect(heartbeats.silence(of: 1) == nil)
        }
    }

    @Test("after a stall of the whole process no loop is to blame")
    func stall() {
        let kernel = StagedKernel()
        withScriptedKernel(kernel) {
            let heartbeats = Heartbeats(loops: 1)
            _ = heartbeats.ask(0)
            kernel.monotonic += 9_000_000_000
            #expect(heartbeats.silence(of: 0) == nil)
            heartbeats.begin()
            #expect(heartbeats.silence(of: 0) == nil)
            for _ in 0..<3 {
                kernel.monotonic += 500_000_000
                heartbeats.begin()
            }
            #expect(heartbeats.silence(of: 0) == .milliseconds(1500))
        }
    }

    @Test("an answer is given once, whoever comes first")
    func once() {
        let count = Atomic(0)
        let once = Once<Int> { count.add($0, ordering: .relaxed) }
        once.call(3)
        once.call(5)
        #expect(count.load(ordering: .relaxed) == 3)
    }
}
