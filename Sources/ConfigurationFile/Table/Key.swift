import Balancer
import Wording

/// A key of the file. The decoder, the JSON Schema, `balancer config --full` and docs/configuration.md are made from the
/// same keys, so that none of them knows one that the others do not.
struct Key: Sendable {
    /// What is written before the colon.
    let name: String
    /// What may stand after it.
    let kind: Kind
    /// What applies when the file does not have it.
    let absence: Absence
    /// What it means: whole sentences, for the reference and the schema.
    let summary: String
    /// A value as it would be written on the key's line.
    let example: String
    /// The key means something only then; nil for always.
    private(set) var condition: Condition?
    /// Other keys of the same map, without which it means nothing; empty for none.
    private(set) var companions: [String] = []
    /// Another key of the same map, beside which a required one is left out; nil for none.
    private(set) var substitute: String?
    /// Why a required key has to be there, for the message that it is missing; nil where that is plain.
    private(set) var need: String?

    /// What another key of the same map must say.
    struct Condition: Sendable {
        let key: String
        /// One of these.
        let words: [String]

        /// False when the map says something else. True when there is a mistake in what it says.
        func holds(_ fields: Fields) -> Bool {
            if case .word(let word)? = fields[key]?.value { words.contains(word) } else { true }
        }

        /// What would have to be written: `policy: source-hash`, or `kind: exchange or http`.
        var text: String {
            let last = words.last ?? ""
            guard words.count > 1 else { return "\(key): \(last)" }
            return "\(key): " + words.dropLast().joined(separator: ", ") + " or \(last)"
        }
    }

    enum Absence: Sendable {
        /// It must be there.
        case required
        /// This value applies, written as in a file.
        case standard(String)
        /// There is no value, which means this.
        case nothing(String)
        /// The value of the same key in `defaults` applies, whose standard is this one.
        case inherited(Key.Standard)
    }

    /// What `defaults` has for a key when the file says nothing.
    enum Standard: Sendable {
        case value(String)
        case nothing(String)
        /// A map, whose keys have standards of their own.
        case map
    }

    init(_ name: String, _ kind: Kind, _ absence: Absence, _ summary: String, example: String) {
        self.name = name
        self.kind = kind
        self.absence = absence
        self.summary = summary
        self.example = example
    }

    /// A key that a later version brings: rejected as not yet known, never ignored.
    static func later(_ name: String) -> Key {
        Key(name, .later, .nothing(""), "", example: "")
    }

    /// The same key, for maps in which another key says one of these words. Elsewhere it is a mistake, since it would be
    /// passed over in silence.
    func only(with key: String, _ words: String...) -> Key { only(with: key, words) }

    /// The same, with a list of words.
    func only(with key: String, _ words: [String]) -> Key {
        var copy = self
        copy.condition = Condition(key: key, words: words)
        return copy
    }

    /// The same key, for maps that have one of these keys. Elsewhere it is a mistake.
    func only(beside keys: [String]) -> Key {
        var copy = self
        copy.companions = keys
        return copy
    }

    /// True when the key means something beside others.
    func isMeaningful(_ fields: Fields) -> Bool {
        (condition?.holds(fields) ?? true) && (companions.isEmpty || !fields.written.isDisjoint(with: companions))
    }

    /// When it means something, for the reference and the schema, with a mark around what is written; nil for always.
    func circumstances(_ mark: String) -> String? {
        if let condition { return "Only with \(mark)\(condition.text)\(mark)." }
        guard !companions.isEmpty else { return nil }
        return "Only with \(companions.map { mark + $0 + mark }.joined(separator: " or "))."
    }

    /// The same key, which is left out where the map has another one. Both together are for ``Checks`` to refuse.
    func unless(_ key: String) -> Key {
        var copy = self
        copy.substitute = key
        return copy
    }

    /// The same key, with the reason why it has to be there.
    func because(_ need: String) -> Key {
        var copy = self
        copy.need = need
        return copy
    }

    var isLater: Bool {
        if case .later = kind { true } else { false }
    }

    var isRequired: Bool {
        if case .required = absence { true } else { false }
    }
}

/// What may stand after a key.
indirect enum Kind: Sendable {
    /// A time of this range, or one of the words.
    case duration(ClosedRange<Duration>, words: [String] = [])
    /// A whole number of this range, or one of the words.
    case count(ClosedRange<Int>, words: [String] = [])
    /// A share in percent, in millionths of the whole, of this range.
    case share(ClosedRange<Int>)
    /// One of these words; the later ones belong to a later version.
    case word([String], later: [String] = [])
    /// `true` or `false`.
    case flag
    /// A text of this form.
    case text(TextForm)
    /// A map with these keys.
    case section(Section)
    /// A map from names to maps with these keys.
    case named(Section)
    /// A list, or its one element alone.
    case list(Kind, most: Int)
    /// A text, or a map instead.
    case either(TextForm, Section)
    /// A map from texts of this form to names of pools.
    case routes(TextForm, most: Int)
    /// The first kind; or one of these maps, each of which is told by its first key.
    case forms(Kind, [Section])
    /// Not in this version.
    case later

    static let trueFalse = ["true", "false"]
}

/// A map with a fixed set of keys.
struct Section: Sendable {
    /// What it is, for messages and headings: `a pool`.
    let title: String
    /// What it means, for the reference and the schema.
    let summary: String
    /// Its keys, in the order of the reference.
    let keys: [Key]
    /// Keys of which one must be there, and no two. Those that are not among them belong to the first.
    let oneOf: [String]
    /// Keys of which at least one must be there.
    let anyOf: [String]
    /// True when keys that begin with `x-` are allowed, for anchors.
    let allowsExtensions: Bool

    init(
        _ title: String, _ summary: String, oneOf: [String] = [], anyOf: [String] = [], allowsExtensions: Bool = false,
        _ keys: [Key]
    ) {
        self.title = title
        self.summary = summary
        self.keys = keys
        self.oneOf = oneOf
        self.anyOf = anyOf
        self.allowsExtensions = allowsExtensions
    }

    /// The keys of this version.
    var present: [Key] { keys.filter { !$0.isLater } }

    /// The key that tells this section among ``Kind/forms(_:_:)``.
    var mark: String { keys.first?.name ?? "" }

    func key(_ name: String) -> Key? { keys.first { $0.name == name } }

    /// Every section, from the top of the file downwards.
    static let all: [Section] = [
        .file, .process, .defaults, .listener, .bind, .proxyAccept, .networkFile, .serverName, .limits, .perClient,
        .pool,
        .backend, .discoveredByName, .discoveredByService, .discoveredByFile, .sourceHash, .queue, .rebalance, .passive,
        .check, .exchangeStep, .agent, .retries, .proxySend, .keepaliveKeys, .log, .logSessions, .logEvents,
        .administration,
    ]
}

/// The form of a text.
enum TextForm: Sendable {
    /// An address to listen on: `0.0.0.0:80`, `[::]:80`, `10.0.0.9:9000-9010`.
    case bind
    /// A backend's address: `10.0.0.1:80`, `[fd00::1]:80`, `name:80`.
    case backend
    /// An address without a port.
    case source
    /// The path of a Unix socket that is made.
    case socketPath
    /// Permissions in octal digits.
    case mode
    /// A user's name or number.
    case user
    /// A group's name or number.
    case group
    /// The name of something of the file.
    case name
    /// `FileDescriptorName=` of a socket unit.
    case socketName
    /// `keep`, `close` or `drain TIME`.
    case removal
    /// A file or a pattern.
    case include
    /// A name that stands for several servers, with their port.
    case nameAndPort
    /// The name of a service.
    case service
    /// A file with a list of backends.
    case list
    /// Where lines of the log go.
    case logDestination
    /// Bytes, with escapes: ``EscapedBytes``.
    case bytes
    /// A status of HTTP, or a range.
    case status
    /// The path of a request in HTTP.
    case httpPath
    /// The `Host` of a request in HTTP.
    case httpHost
    /// An address, or a prefix of addresses.
    case network
    /// So many in a time.
    case rate
    /// A name that clients ask for, or a wildcard.
    case serverName
    /// An identifier of ALPN.
    case protocolName
    /// A pool, or `close`.
    case poolOrClose
    /// A version of the PROXY protocol.
    case proxyVersion

    /// What is needed, for messages, the reference and the schema.
    var needed: String {
        switch self {
        case .bind: "an address and a port, as in 0.0.0.0:80, [::]:80 or 10.0.0.9:9000-9010"
        case .backend: "an address or name and a port, as in 10.0.0.1:80, [fd00::1]:80 or db1:5432"
        case .source: "an address of this machine without a port, as in 10.0.0.254"
        case .socketPath: "a path of 1 to \(Self.pathBytesMax) bytes that does not begin with '@'"
        case .mode: "a mode of three or four octal digits up to 0777, as in \"0660\""
        case .user: "a user's name or number"
        case .group: "a group's name or number"
        case .name: "a name of letters, digits, '.', '_' and '-', \(FileLimits.nameBytesMax) bytes at most"
        case .socketName: "the FileDescriptorName= of a socket unit"
        case .removal: "keep, close, or drain and a time, as in 'drain 30s'"
        case .logDestination: "stdout, stderr, syslog, none, or the path of a file, with a '/' in it"
        case .include: "a file, or a pattern such as conf.d/*.yaml"
        case .nameAndPort: "a name and a port, as in db.example.org:5432"
        case .service: "the name of a service, as in _redis._tcp.example.org"
        case .list: "the path of a file"
        case .bytes:
            "a text of 1 to \(Limits.exchangeBytesMax) bytes, in which \\r, \\n, \\t, \\xNN and \\\\ stand for one each"
        case .status: "a status or a range of them, from 100 to 599, as in 200 or 200-399"
        case .httpPath: "a path that begins with '/', without spaces, as in /health"
        case .httpHost: "a host, without spaces and '/', as in example.org"
        case .network: "an address or a network, as in 10.0.0.1, 10.0.0.0/8 or fd00::/8"
        case .rate: "a rate from 1 to \(Limits.rateMax), as in 10/s, 600/m or 5/h"
        case .serverName: "a name or a wildcard, as in db.example.org or *.example.org"
        case .protocolName: "a protocol of ALPN, 1 to 255 printable characters without spaces, as in h2 or http/1.1"
        case .poolOrClose: "close, or the name of a pool"
        case .proxyVersion: "v1 or v2"
        }
    }

    /// Several of them, as keys of a map.
    var several: String {
        switch self {
        case .serverName: "names and wildcards, as db.example.org and *.example.org"
        case .protocolName: "protocols of ALPN, as h2 and http/1.1"
        default: needed
        }
    }
}
