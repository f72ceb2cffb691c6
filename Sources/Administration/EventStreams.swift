import AdministrationAPI
import Glibc
import NIOCore

/// A piece of a stream of server-sent events.
enum EventFrame {
    /// An event. Its data has no line breaks: JSON escapes them.
    static func make(event: String, id: EventID? = nil, data: ByteBuffer) -> ByteBuffer {
        var frame = ByteBuffer()
        if let id { frame.writeString("id: \(id)\n") }
        frame.writeString("event: \(event)\ndata: ")
        frame.writeImmutableBuffer(data)
        frame.writeString("\n\n")
        return frame
    }

    /// A comment, by which both ends see that the connection lives.
    static let comment = ByteBuffer(string: ": \n\n")
    /// The beginning: a client that has lost the stream comes back after a second.
    static let beginning = ByteBuffer(string: "retry: 1000\n\n")
}

/// Who gets server-sent events, and what each has seen. A subscriber that does not read misses `status` events; those
/// of the log wait in the balancer until it reads on, as many as the balancer remembers.
final class EventStreams {
    private struct Subscriber {
        let connection: Connection
        let subscription: Subscription
        /// The number of the last event that was written to it.
        var last: UInt64
    }

    private let balancer: any RunningBalancer
    private let snapshots: Snapshots
    private let eventLoop: any EventLoop
    private var subscribers: [ObjectIdentifier: Subscriber] = [:]
    private var ticker: RepeatedTask?
    private var ticks = 0
    private let times: Times
    /// This process in the ids of its events.
    private let process = EventStreams.presentProcess()
    private var isWriting = false
    private var wantsMore = false

    /// Streams without subscribers.
    init(_ balancer: any RunningBalancer, _ snapshots: Snapshots, _ eventLoop: any EventLoop, _ times: Times) {
        self.times = times
        self.balancer = balancer
        self.snapshots = snapshots
        self.eventLoop = eventLoop
    }

    /// Begins a stream. Events after the one that the subscriber has seen follow at once.
    func add(_ connection: Connection, _ subscription: Subscription) {
        // Of another process it has seen other events: it gets all there are of this one.
        let last =
            subscription.after.map { $0.process == nil || $0.process == process ? $0.number : 0 }
            ?? balancer.events(after: 0).last?.number ?? 0
        subscribers[ObjectIdentifier(connection)] = Subscriber(
            connection: connection, subscription: subscription, last: last)
        connection.send(EventFrame.beginning)
        if subscription.wantsStatus {
            connection.send(snapshots.statusFrame(mayChange: subscription.mayChange))
        }
        connection.flush()
        newEvents()
        guard ticker == nil else { return }
        let streams = NIOLoopBound(self, eventLoop: eventLoop)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: times.status, delay: times.status) { _ in
            streams.value.tick()
        }
    }

    /// Ends a stream.
    func remove(_ connection: Connection) {
        guard subscribers.removeValue(forKey: ObjectIdentifier(connection)) != nil, subscribers.isEmpty else { return }
        stop()
    }

    /// Ends the ticks.
    func stop() {
        ticker?.cancel()
        ticker = nil
    }

    /// Writes events that subscribers have not seen, to those that read.
    func newEvents() {
        // A subscriber that reads on while events are written to it calls this again.
        wantsMore = true
        guard !isWriting else { return }
        isWriting = true
        while wantsMore {
            wantsMore = false
            writeEvents()
        }
        isWriting = false
    }

    private func writeEvents() {
        let readers = subscribers.filter { $0.value.subscription.wantsLog && $0.value.connection.isReading }
        guard let least = readers.values.map(\.last).min() else { return }
        let rows = balancer.events(after: least)
        var frames: [UInt64: ByteBuffer] = [:]
        for (key, reader) in readers {
            var last = reader.last
            for row in rows where row.number > last && reader.connection.isReading {
                let frame =
                    frames[row.number]
                    ?? EventFrame.make(
                        event: "log", id: EventID(process: process, number: row.number), data: JSONText.encoded(row))
                frames[row.number] = frame
                reader.connection.send(frame)
                last = row.number
            }
            subscribers[key]?.last = last
            reader.connection.flush()
        }
    }

    /// The time tells processes apart that have the same number, as all first ones of a container have.
    private static func presentProcess() -> String {
        var now = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &now)
        return "\(getpid())-\(now.tv_sec * 1000 + now.tv_nsec / 1_000_000)"
    }

    private func tick() {
        ticks += 1
        for subscriber in subscribers.values where subscriber.connection.isReading {
            if subscriber.subscription.wantsStatus {
                subscriber.connection.send(snapshots.statusFrame(mayChange: subscriber.subscription.mayChange))
            }
            if ticks.isMultiple(of: times.statusesPerComment) { subscriber.connection.send(EventFrame.comment) }
            subscriber.connection.flush()
        }
    }
}
