import NIOCore
import NIOHTTP1

extension AdministrationClient {
    /// An event of a stream.
    public struct Event: Hashable, Sendable {
        /// `status` or `log`.
        public var name: String
        /// Of a `log` event its id: `PID-MILLISECONDS.NUMBER`.
        public var id: String?
        /// JSON.
        public var data: [UInt8]
    }

    /// Gets server-sent events: `/v1/events`. `onEvent` is called on this thread, until it returns false; then this
    /// returns.
    ///
    /// When the balancer ends the stream, or nothing comes for the time `silence`, that is thrown; the caller decides
    /// about another try. The balancer sends something every 15 s.
    public func stream(
        _ target: String, silence: Duration = .seconds(35), onEvent: (Event) throws -> Bool
    ) throws {
        let exchange = try Exchange(place, until: .now + timeout)
        defer { exchange.close() }
        var request = head("GET", target)
        request.headers.add(name: "Accept", value: "text/event-stream")
        try exchange.send(request, body: nil)
        var response = Response(status: 0, headers: [:], body: [])
        var reader = EventReader()
        while true {
            switch try exchange.next(until: response.status == 0 ? exchange.deadline : .now + silence) {
            case .head(let head):
                response.status = Int(head.status.code)
                guard response.status != 200 || head.headers.first(name: "content-type") == "text/event-stream" else {
                    throw AdministrationClientError(.unreadable, place, "the answer is no stream of events")
                }
            case .body(let bytes) where response.status == 200:
                for event in try reader.take(bytes.readableBytesView, place) {
                    guard try onEvent(event) else { return }
                }
            case .body(let bytes):
                response.body += bytes.readableBytesView.prefix(Self.bodyBytesMax - response.body.count)
            case .end:
                try check(response)
                throw AdministrationClientError(.closed, place)
            }
        }
    }
}

/// Cuts a stream of server-sent events into its events, as HTML's standard has it (9.2.6).
struct EventReader {
    private var line: [UInt8] = []
    private var name = ""
    private var id: String?
    private var data: [UInt8] = []
    private var endedInReturn = false

    /// The events that are complete with these bytes.
    mutating func take(
        _ bytes: some Sequence<UInt8>, _ place: AdministrationClient.Place
    ) throws(AdministrationClientError) -> [AdministrationClient.Event] {
        var events: [AdministrationClient.Event] = []
        for byte in bytes {
            // A line ends with CR, LF or both.
            let isSecondHalf = endedInReturn && byte == UInt8(ascii: "\n")
            endedInReturn = byte == UInt8(ascii: "\r")
            if isSecondHalf { continue }
            if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                if let event = endLine() { events.append(event) }
            } else {
                guard line.count + data.count < AdministrationClient.bodyBytesMax else {
                    throw AdministrationClientError(.tooLong, place)
                }
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> AdministrationClient.Event? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return endEvent() }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "event": name = String(decoding: value, as: UTF8.self)
        case "id": id = String(decoding: value, as: UTF8.self)
        case "data":
            if !data.isEmpty { data.append(UInt8(ascii: "\n")) }
            data += value
        default: break
        }
        return nil
    }

    private mutating func endEvent() -> AdministrationClient.Event? {
        defer {
            name = ""
            id = nil
            data = []
        }
        return data.isEmpty ? nil : AdministrationClient.Event(name: name, id: id, data: data)
    }
}
