import Reactor

@testable import Balancer

/// A session's record, as the log printed it.
struct PrintedRecord {
    var client: SocketAddress
    var backend: SocketAddress?
    var up: Int
    var down: Int
    var discarded: Int
    var isConnected: Bool
    var attempts: Int
    var milliseconds: Double
    var reason: EndReason

    /// nil of a line that is no record.
    init?(_ line: Substring) {
        guard line.hasPrefix("session ") else { return nil }
        var fields: [Substring: Substring] = [:]
        for pair in line.split(separator: " ") where pair.contains("=") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            fields[parts[0]] = parts[1]
        }
        guard let client = fields["client"].flatMap(Self.address),
            let reason = fields["reason"].flatMap({ EndReason(rawValue: String($0)) })
        else { return nil }
        self.client = client
        self.reason = reason
        // With a label, the address stands beside it.
        backend = (fields["address"] ?? fields["backend"]).flatMap(Self.address)
        up = Int(fields["up"] ?? "") ?? -1
        down = Int(fields["down"] ?? "") ?? -1
        discarded = Int(fields["discarded"] ?? "") ?? -1
        milliseconds = Double(fields["duration_ms"] ?? "") ?? -1
        attempts = Int(fields["attempts"] ?? "") ?? -1
        isConnected = fields["connect_ms"] != "-"
    }

    private static func address(_ text: Substring) -> SocketAddress? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        // An IPv6 address stands in brackets.
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        return SocketAddress(host: host, port: port)
    }

    /// The records in what a log printed.
    static func all(in output: some StringProtocol) -> [PrintedRecord] {
        output.split(separator: "\n").compactMap { PrintedRecord(Substring($0)) }
    }

    /// Its last attempt may have been in progress when it ended, or may have failed: it waited for the next one.
    var hasUnknownAttempt: Bool { !isConnected && attempts > 0 && [.abandoned, .killed, .cut].contains(reason) }

    /// How many of its attempts to connect have failed, at least.
    var failures: Int {
        if isConnected { return attempts - 1 }
        switch reason {
        // A client that had left before it was accepted gets no attempt.
        case .abandoned, .killed, .cut: return max(0, attempts - 1)
        case .connectFailed, .shortage, .noBackend, .backendsFull, .queueFull, .queueTimeout: return attempts
        case .denied, .clientLimit, .badHeader, .prefaceTimeout, .noRoute: return attempts
        case .finished, .reset, .idle, .halfClosed, .sessionAge, .backendDown, .backendRemoved, .rebalanced: return -1
        }
    }
}
