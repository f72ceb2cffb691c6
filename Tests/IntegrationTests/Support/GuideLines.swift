/// The exact lines of the guides.
enum GuideLine {
    static let timeoutCause = "connection timeout: Operation now in progress"
    static let refusedCause = "connection refused: Connection refused"

    static func source(_ host: String) -> String {
        "srcIP : \(host)"
    }

    static func alive(_ port: UInt16, _ host: String = "127.0.0.1") -> String {
        "IP : <\(host)>, Port : <\(port)> Server is alive"
    }

    static func bad(_ port: UInt16, _ host: String = "127.0.0.1") -> String {
        "IP: <\(host)>, Port : <\(port)> Server is bad"
    }

    static func dead(_ port: UInt16, _ host: String = "127.0.0.1") -> String {
        "IP: <\(host)>, Port : <\(port)> Server is dead"
    }

    /// The three lines for a client whose session has ended, with the number of sessions left.
    static func terminated(_ client: SocketAddress, left: Int) -> [String] {
        ["", "client <\(client.host),\(client.port)> terminated", " Current NAT table length : \(left)"]
    }

    static func connected(_ host: String = "127.0.0.1") -> String {
        "Connected client IP: \(host)"
    }

    /// True for a chat server's line about a client that has left: `client <n> terminated` with its descriptor's
    /// number.
    static func isServerTermination(_ line: String) -> Bool {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        return words.count == 3 && words[0] == "client" && Int(words[1]) != nil && words[2] == "terminated"
    }
}
