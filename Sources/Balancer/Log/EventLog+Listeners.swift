import Reactor

// What is told of clients that a listener sends away, or lets wait.
extension EventLog {
    /// A listener begins to send clients away; `client` is the first.
    mutating func began(
        _ trouble: ListenerTrouble, listener: String, client: SocketAddress?, cause: String?
    ) {
        guard listenerTroubles[ListenerTroublePlace(listener, trouble), default: Tally()].begin() else { return }
        event(trouble.beginningKind) {
            $0.field("listener", listener)
            if let client { $0.field("client", .address(client)) }
            $0.words(trouble.beginning)
            guard let cause else { return }
            $0.words(": ")
            $0.value("cause", cause)
        }
    }

    /// It sends none away any more; so many of this loop's were.
    mutating func ended(_ trouble: ListenerTrouble, listener: String, clients: Int) {
        let place = ListenerTroublePlace(listener, trouble)
        guard let sum = listenerTroubles[place]?.end(clients) else { return }
        listenerTroubles[place] = nil
        event(trouble.endKind) {
            $0.field("listener", listener)
            $0.words(trouble.end)
            // A listener that has reached its rate keeps clients waiting, and does not know how many.
            $0.value(trouble == .rate ? "pauses" : "clients", sum)
        }
    }
}

/// The trouble of one listener.
struct ListenerTroublePlace: Hashable {
    let listener: String
    let trouble: ListenerTrouble

    init(_ listener: String, _ trouble: ListenerTrouble) {
        self.listener = listener
        self.trouble = trouble
    }
}
