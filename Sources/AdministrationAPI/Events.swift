/// The last events: `GET /v1/events` without `Accept: text/event-stream`.
///
/// With it the answer is a stream of server-sent events that does not end: first `event: status` with a ``Status`` as its
/// data, and again every second; for each new event `event: log` with an object as in ``events``. `?only=log` and
/// `?only=status` leave the others out.
public struct EventList: Codable, Hashable, Sendable {
    /// The oldest first, as in a log of JSON lines: docs/log.md.
    public var events: [EventRow]

    /// All of it.
    public init(events: [EventRow]) { self.events = events }
}

/// One event.
public struct EventRow: Codable, Hashable, Sendable {
    /// Counts the events of the process, from 1: to go on after the last one that was seen.
    public var number: UInt64
    /// When, as of RFC 3339.
    public var time: String
    /// `error`, `warning`, `info` or `debug`.
    public var level: String
    /// Its kind: `backend-down`.
    public var event: String
    /// What it is about, and values: `pool`, `backend`, `address`, `listener`, `by` ...
    public var fields: [String: String]
    /// In words.
    public var message: String

    /// All of it.
    public init(
        number: UInt64, time: String, level: String, event: String, fields: [String: String], message: String
    ) {
        self.number = number
        self.time = time
        self.level = level
        self.event = event
        self.fields = fields
        self.message = message
    }
}
