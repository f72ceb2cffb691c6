import Reactor

/// Which name servers are asked, and how: what /etc/resolv.conf says (resolv.conf(5) of Linux man-pages 6.9).
///
/// Left out, on purpose:
/// - The search list is empty unless the file has one. The C library then takes the domain of the machine's own name, which
///   in a container is an accident.
/// - `sortlist`: every address counts here, and in which order they come is of no use.
/// - LOCALDOMAIN and RES_OPTIONS, which are for single programs of a user.
/// - Options that mend the C library's ways (`single-request`, `no-tld-query`, `trust-ad`, ...): they are ignored, and so is
///   `edns0`, since EDNS is always tried (``Question/datagramBytes``).
public struct NameServerSettings: Hashable, Sendable {
    /// The servers, in the order in which they are asked; never empty.
    public var servers: [SocketAddress]
    /// The domains of the search list.
    public var domains: [DomainName] = []
    /// A name with fewer dots than that is looked up in the domains first, and any other as it stands first.
    public var dotsMin = 1
    /// How long a server has to answer, each time it is asked.
    public var timeout: Duration = .seconds(5)
    /// How many times all servers are asked.
    public var attempts = 2
    /// Begins with a server at random: `rotate`.
    public var rotates = false
    /// Asks by TCP only: `use-vc`.
    public var usesStream = false
    /// What of the file had no effect, and why; at most ``remarksMax``.
    public private(set) var remarks: [String] = []

    /// The port of name servers. Source: RFC 1035, 4.2.
    public static let port: UInt16 = 53
    /// The most servers: MAXNS, resolv.conf(5).
    public static let serversMax = 3
    /// The most domains. Source: as many as Kubernetes lets a pod have. The C library had six, and has no limit since 2.26.
    public static let domainsMax = 32
    /// The most dots that `ndots` can ask for, the longest `timeout` and the most `attempts`: resolv.conf(5).
    public static let dotsCeiling = 15
    /// In seconds; see ``dotsCeiling``.
    public static let timeoutSecondsMax = 30
    /// See ``dotsCeiling``.
    public static let attemptsMax = 5
    /// The most remarks that are kept.
    public static let remarksMax = 8

    /// The server on this machine, which is asked when nothing says otherwise: resolv.conf(5).
    public static let local = SocketAddress.ipv4(0x7F00_0001, port: port)

    /// The usual settings with the servers given; ``local`` when there are none.
    public init(servers: [SocketAddress] = []) {
        self.servers = servers.isEmpty ? [Self.local] : servers
    }

    /// What /etc/resolv.conf says now. Without the file, or when it cannot be read, the server on this machine is asked.
    public static func system(path: String = "/etc/resolv.conf") -> NameServerSettings {
        NameServerSettings(text: SmallFile.text(path) ?? "")
    }

    /// What a text in the format of resolv.conf(5) says. Nothing of it is an error: what has no effect is in ``remarks``.
    ///
    /// A `#` or `;` begins a comment anywhere in a line; no value has one. Of `search` and `domain` the last counts.
    public init(text: String) {
        var servers: [SocketAddress] = []
        self.init()
        // Not at "\n": a line end of Windows is one character in Swift.
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.prefix { $0 != "#" && $0 != ";" }.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let keyword = words.first else { continue }
            let values = words.dropFirst()
            switch keyword {
            case "nameserver": takeServer(values, &servers, line: index + 1)
            case "domain": takeDomains(values.prefix(1), line: index + 1)
            case "search": takeDomains(values, line: index + 1)
            case "options": values.forEach { takeOption($0) }
            case "sortlist": break
            default: remark("line \(index + 1): '\(keyword)' is not known")
            }
        }
        if !servers.isEmpty { self.servers = servers }
    }

    private mutating func takeServer(_ values: ArraySlice<String>, _ servers: inout [SocketAddress], line: Int) {
        guard let host = values.first, let address = SocketAddress(host: host, port: Self.port) else {
            remark("line \(line): '\(values.first ?? "")' is not an address; a name server has an IPv4 or IPv6 address")
            return
        }
        guard servers.count < Self.serversMax else {
            remark("line \(line): \(host) is not asked; only the first \(Self.serversMax) name servers are")
            return
        }
        // 0.0.0.0 means this machine: resolv.conf(5).
        servers.append(address.destination)
    }

    private mutating func takeDomains(_ values: ArraySlice<String>, line: Int) {
        domains = []
        // "." is a name as it stands, which is looked up anyway.
        for value in values where value != "." {
            do throws(DomainName.Fault) {
                let domain = try DomainName(value)
                guard domains.count < Self.domainsMax else {
                    remark("line \(line): '\(value)' is not searched; only the first \(Self.domainsMax) domains are")
                    return
                }
                domains.append(domain)
            } catch {
                remark("line \(line): '\(value)' is not searched: \(error)")
            }
        }
    }

    private mutating func takeOption(_ option: String) {
        let parts = option.split(separator: ":", maxSplits: 1)
        // Digits alone, as many as can matter: Int takes "+7" as well.
        let number = parts.last.flatMap { $0.utf8.allSatisfy(isDigit) ? Int($0.prefix(6)) : nil }
        switch (parts.first, number) {
        case ("ndots", let count?): dotsMin = min(count, Self.dotsCeiling)
        case ("timeout", let count?): timeout = .seconds(min(max(count, 1), Self.timeoutSecondsMax))
        case ("attempts", let count?): attempts = min(max(count, 1), Self.attemptsMax)
        case ("ndots", nil), ("timeout", nil), ("attempts", nil): remark("option '\(option)': a number is missing")
        case ("rotate", _): rotates = true
        case ("use-vc", _), ("usevc", _), ("tcp", _): usesStream = true
        default: break
        }
    }

    private mutating func remark(_ text: String) {
        if remarks.count < Self.remarksMax { remarks.append(text) }
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
