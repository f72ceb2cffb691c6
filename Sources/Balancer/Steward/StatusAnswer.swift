/// What a ``StatusReport`` says of listeners and backends, read from its text, for programs that asked for it. Keys that a
/// later version adds are passed over.
public struct StatusAnswer: Hashable, Sendable {
    /// A backend of the running balancer.
    public struct Backend: Hashable, Sendable {
        /// The name of its pool.
        public let pool: String
        /// What identifies it in its pool.
        public let title: String
        /// Its address as text; nil while its name has none.
        public let address: String?
        /// Its share of the clients relative to the others'.
        public let weight: Int
        /// It gets clients only while no other of its pool is up.
        public let isBackup: Bool
        /// Sessions that are connected or connecting to it.
        public let sessions: Int
    }

    /// An address of a listener of the running balancer.
    public struct Listener: Hashable, Sendable {
        /// What the operator calls it.
        public let name: String
        /// The name of the pool that serves its clients.
        public let pool: String
        /// The address as text.
        public let address: String
    }

    /// The backends, in their order; those that the report only counts are missing.
    public private(set) var backends: [Backend] = []
    /// The addresses of the listeners, in their order.
    public private(set) var listeners: [Listener] = []
    /// How many backends the report counts and does not list.
    public private(set) var backendsNotListed = 0

    /// Reads the text of a report; nil when it is none, or of a version that does not list listeners.
    public init?(_ text: String) {
        let lines = text.split(separator: "\n")
        guard lines.first?.hasPrefix("state=") ?? false else { return nil }
        for line in lines.dropFirst() {
            let pairs = Self.pairs(line)
            if let name = pairs["listener"], let pool = pairs["pool"], let address = pairs["address"] {
                listeners.append(Listener(name: name, pool: pool, address: address))
            } else if let place = pairs["backend"], let pool = pairs["pool"] {
                backends.append(
                    Backend(
                        pool: pool, title: pairs["title"] ?? pairs["name"] ?? place,
                        address: place == "-" ? nil : place,
                        weight: pairs["weight"].flatMap { Int($0) } ?? 1, isBackup: pairs["backup"] == "yes",
                        sessions: pairs["sessions"].flatMap { Int($0) } ?? 0))
            } else if let count = pairs["backends_not_listed"] {
                backendsNotListed = Int(count) ?? 0
            }
        }
        guard !listeners.isEmpty else { return nil }
    }

    /// `key=value` pairs; the value of `address` reaches to the end of the line.
    private static func pairs(_ line: Substring) -> [Substring: String] {
        var pairs: [Substring: String] = [:]
        var rest = line
        while let equals = rest.firstIndex(of: "=") {
            let key = rest[..<equals]
            let value = rest[rest.index(after: equals)...]
            let end = key == "address" ? value.endIndex : value.firstIndex(of: " ") ?? value.endIndex
            pairs[key] = String(value[..<end])
            rest = end < value.endIndex ? value[value.index(after: end)...] : value[end...]
        }
        return pairs
    }
}
