import AdministrationClient

/// A way to ask a running balancer. All calls wait for their answer, and may be made on any thread.
protocol Asker: Sendable {
    /// Where the balancer is asked, for people.
    var place: String { get }
    /// The body of the answer to a GET; a refusal of the balancer is a fault with its words.
    func get(_ target: String) throws(Fault) -> [UInt8]
    /// The body of the answer to a request that changes something. `body` is JSON; nil without one.
    func send(_ method: String, _ target: String, body: [UInt8]?) throws(Fault) -> [UInt8]
    /// Reads a stream of events until it ends, or until `take` returns false; returns why it ended, nil after that.
    func stream(_ target: String, take: (AdministrationClient.Event) -> Bool) -> Fault?
}
