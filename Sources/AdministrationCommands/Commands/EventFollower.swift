import AdministrationAPI
import AdministrationClient
import CommandSupport
import Glibc
import Reactor
import Synchronization

/// Prints events as they come, until a signal ends it. A thread reads the stream; the one that was started with waits
/// for signals, so that Ctrl-C ends it between two lines and not within one.
final class EventFollower: Sendable {
    private enum Source: UInt8, TokenKind {
        case signals
        case waker
    }

    private let asker: any Asker
    private let isJSON: Bool
    private let waker: Waker
    /// A line is being written. Sequentially consistent with ``isEnding``: either side sees what the other has set.
    private let isWriting = Atomic(false)
    /// No line is to be begun any more.
    private let isEnding = Atomic(false)
    /// The number of the error of standard output; 0 without one.
    private let outputError = Atomic<CInt>(0)

    /// Between two attempts to reach the balancer, in microseconds.
    private static let retryMicroseconds: UInt32 = 1_000_000
    /// How long a line that is being written may take after Ctrl-C: its reader may have stopped reading.
    private static let lastLineMilliseconds: CInt = 1000

    private init(_ asker: any Asker, isJSON: Bool) throws(SystemCallError) {
        self.asker = asker
        self.isJSON = isJSON
        waker = try Waker()
    }

    /// Returns after a signal, or with the error of standard output.
    static func run(_ asker: any Asker, isJSON: Bool) throws(SystemCallError) -> Errno? {
        // Before the thread starts, which inherits what is blocked.
        let signals = try Signals(Signal.endings + [.hangup])
        let poller = try Poller()
        let follower = try EventFollower(asker, isJSON: isJSON)
        if let errno = signals.add(to: poller, Token(Source.signals))
            ?? follower.waker.add(to: poller, Token(Source.waker))
        {
            throw SystemCallError(call: "epoll_ctl", errno: errno)
        }
        _ = try LoopThread(name: "events") { follower.follow() }
        var events = EventBuffer(capacity: 2)
        while signals.next() == nil, follower.outputError.load(ordering: .relaxed) == 0 {
            try poller.poll(into: &events, timeout: .never)
            follower.waker.drain()
        }
        follower.isEnding.store(true, ordering: .sequentiallyConsistent)
        let deadline = Clock.monotonic.now() + .milliseconds(Int(lastLineMilliseconds))
        while follower.isWriting.load(ordering: .sequentiallyConsistent), Clock.monotonic.now() < deadline {
            _ = follower.waker.wait(milliseconds: lastLineMilliseconds / 10)
        }
        let number = follower.outputError.load(ordering: .relaxed)
        return number == 0 ? nil : Errno(rawValue: number)
    }

    // MARK: the thread that reads

    private func follow() {
        var sequence = EventSequence()
        var isTold = false
        while !isEnding.load(ordering: .relaxed) {
            let fault = asker.stream(Target.events) { event in
                if isTold {
                    complain("balancer", "\(asker.place): it answers again")
                    isTold = false
                }
                for row in take(event, &sequence) where !write(row) { return false }
                return true
            }
            guard let fault else { return }
            sequence.interrupt()
            if !isTold { complain("balancer", "\(fault.text); trying again") }
            isTold = true
            usleep(Self.retryMicroseconds)
        }
    }

    /// The events that are new with this one.
    private func take(_ event: AdministrationClient.Event, _ sequence: inout EventSequence) -> [EventRow] {
        switch event.name {
        case "log": return APICoding.value(EventRow.self, from: event.data).map { sequence.take($0) } ?? []
        case "status":
            // The stream stands: what came before it is asked for once, and nothing is missed between the two.
            guard sequence.isInterrupted, let status = APICoding.value(Status.self, from: event.data),
                let json = try? asker.get(Target.events), let list = APICoding.value(EventList.self, from: json)
            else { return [] }
            return sequence.resume(with: list.events, ofProcess: "\(status.pid) \(status.started)")
        default: return []
        }
    }

    /// Writes a line; false when no more are to be written.
    private func write(_ row: EventRow) -> Bool {
        let line = isJSON ? APICoding.json(row) : Array(EventText.line(row).utf8)
        isWriting.store(true, ordering: .sequentiallyConsistent)
        var isGoingOn = !isEnding.load(ordering: .sequentiallyConsistent)
        if isGoingOn, let errno = Self.write(line + [UInt8(ascii: "\n")]) {
            outputError.store(errno.rawValue, ordering: .relaxed)
            isGoingOn = false
        }
        isWriting.store(false, ordering: .sequentiallyConsistent)
        if !isGoingOn { waker.wake() }
        return isGoingOn
    }

    /// Writes all bytes; returns the error, or nil.
    private static func write(_ bytes: [UInt8]) -> Errno? {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(STDOUT_FILENO, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
            }
            if count > 0 { done += count } else if count < 0, errno != EINTR { return Errno(rawValue: errno) }
        }
        return nil
    }
}

/// Which events are new, by their numbers.
struct EventSequence {
    /// Nothing is known of what has happened since the last event: the list is to be asked for.
    private(set) var isInterrupted = true
    private var last: UInt64 = 0
    private var process: String?

    /// The stream has ended.
    mutating func interrupt() { isInterrupted = true }

    /// Takes an event of the stream. While the stream is interrupted the list will have it.
    mutating func take(_ event: EventRow) -> [EventRow] {
        guard !isInterrupted, event.number > last else { return [] }
        last = event.number
        return [event]
    }

    /// Takes the list of the last events of a process, which counts its events from 1; returns those that are new.
    mutating func resume(with events: [EventRow], ofProcess process: String) -> [EventRow] {
        if process != self.process { last = 0 }
        self.process = process
        isInterrupted = false
        let new = events.filter { $0.number > last }
        last = new.last?.number ?? last
        return new
    }
}
