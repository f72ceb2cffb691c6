import Reactor

/// Which addresses of a name count.
public enum AddressFamilies: Hashable, Sendable {
    /// IPv4 and IPv6: both are asked for, and both must be answered.
    case any
    /// IPv4 only.
    case ipv4
    /// IPv6 only.
    case ipv6

    /// The type of record that is asked for first.
    var first: RecordType { self == .ipv6 ? .aaaa : .a }
    /// The type that is asked for after it.
    var second: RecordType? { self == .any ? .aaaa : nil }
    /// The types of record that are asked for.
    var types: [RecordType] { [first] + (second.map { [$0] } ?? []) }
}

/// Asks name servers which servers a name stands for.
///
/// ```
///  name --> search list --> question --> name servers --> answer --> aliases, targets --> Finding
/// ```
///
/// It blocks, for a thread such as those of ``BackgroundResolver``: getaddrinfo(3) blocks as well, so there are such threads
/// already, and a look-up every few seconds is not worth sockets, timers and kinds of tokens of its own in a loop. What an
/// answer means is apart from the waiting (``Message``, ``Lookup``), and has no system calls.
///
/// Only name servers are asked: neither /etc/hosts nor other sources of nsswitch.conf(5) count, which have no services
/// (SRV), no time to live, and cannot tell "does not exist" from "not answered". There is no cache, and no letter case at
/// random in questions (0x20): port and id are random, and some servers do not repeat the case.
public struct NameClient: Sendable {
    /// The name servers. They may have changed since they were read: ``NameServerSettings/system(path:)`` costs as much as
    /// reading a small file, so it can be called for each look-up.
    public var settings: NameServerSettings
    /// Which addresses count.
    public var families: AddressFamilies
    /// The bounds of an answer.
    public var bounds: Bounds

    /// How long a look-up with all of its questions takes at the most, unless the caller says otherwise: enough for two
    /// silent servers with the usual timeout of 5 s.
    public static let usualTime = Duration.seconds(10)

    /// A client of these name servers.
    public init(
        _ settings: NameServerSettings, families: AddressFamilies = .any, bounds: Bounds = Bounds()
    ) {
        self.settings = settings
        self.families = families
        self.bounds = bounds
    }

    /// The addresses of a name, each as an endpoint without a port. It takes at most `time`, and a few milliseconds.
    ///
    /// Half an answer is none: when the IPv4 addresses are answered and the IPv6 addresses are not, the latter might be
    /// taken for gone. Some servers never answer for IPv6 (RFC 4074); ``AddressFamilies/ipv4`` does not ask them.
    public func addresses(of name: SoughtName, within time: Duration = usualTime) -> Finding {
        var lookup = lookup(within: time)
        return lookup.search(name, settings) { (lookup, name) throws(Unanswered) in try lookup.addresses(of: name) }
    }

    /// The servers of a service, by its SRV records and the addresses of their targets (RFC 2782). It takes at most
    /// `time`, and a few milliseconds.
    public func servers(of service: SoughtName, within time: Duration = usualTime) -> Finding {
        var lookup = lookup(within: time)
        return lookup.search(service, settings) { (lookup, name) throws(Unanswered) in try lookup.servers(of: name) }
    }

    private func lookup(within time: Duration) -> Lookup {
        var servers = NameServers(settings, deadline: Clock.monotonic.now() + time)
        return Lookup(families: families, bounds: bounds) { (question) throws(Unanswered) in try servers.ask(question) }
    }
}
