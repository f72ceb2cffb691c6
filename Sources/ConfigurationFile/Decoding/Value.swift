import Balancer
import Discovery
import Reactor
import Wording

/// What a key of the table was found to say.
indirect enum Value: Hashable, Sendable {
    case duration(Duration)
    case count(Int)
    /// In millionths.
    case share(Int)
    /// One of the words that a key allows, such as `none`.
    case word(String)
    case flag(Bool)
    case text(String)
    case bind(BindAddress)
    case backend(BackendAddress)
    case source(SocketAddress)
    case mode(UInt32)
    /// A user or group by its number, and as it was written.
    case identity(UInt32, written: String)
    case removal(Document.Removal)
    case nameAndPort(NameAndPort)
    case service(SoughtName)
    case bytes([UInt8])
    /// Statuses of HTTP.
    case statuses(ClosedRange<Int>)
    case network(Network)
    case rate(Rate)
    case serverName(ServerNamePattern)
    case pairs([Pair])
    case fields(Fields)
    case named([Named])
    case list([Found])
    /// An element of a list that has a mistake, which is reported.
    case broken

    /// A value of a list, or of a map from names to values.
    struct Found: Hashable, Sendable {
        let value: Value
        let origin: Origin
    }

    /// An entry of a map from texts to texts.
    struct Pair: Hashable, Sendable {
        let key: Value
        let place: Place
        let value: Found
    }

    struct Named: Hashable, Sendable {
        let name: String
        let place: Place
        let fields: Fields
    }

    /// As it would be written in a file, on one line; nil of maps and lists.
    var text: String? {
        switch self {
        case .duration(let duration): DurationRange.text(duration)
        case .count(let count): String(count)
        case .share(let millionths): ShareText.text(millionths)
        case .word(let word): word
        case .flag(let flag): String(flag)
        case .text(let text): YAMLWriter.quoted(text)
        case .bind(let bind): YAMLWriter.quoted(bind.description)
        case .backend(let backend): YAMLWriter.quoted(backend.description)
        case .source(let address): YAMLWriter.quoted(address.host)
        case .mode(let mode): "\"0\(String(mode, radix: 8))\""
        case .identity(_, let written): YAMLWriter.quoted(written)
        case .removal(let removal): removal.description
        case .nameAndPort(let both): YAMLWriter.quoted(both.description)
        case .service(let name): YAMLWriter.quoted(name.description)
        case .bytes(let bytes): YAMLWriter.singleQuoted(EscapedBytes.text(bytes))
        case .statuses(let range): Configuration.HTTPCheck.text(range)
        case .network(let network): YAMLWriter.quoted(network.description)
        case .rate(let rate): RateText.text(rate)
        case .serverName(let pattern): YAMLWriter.quoted(pattern.description)
        case .fields, .named, .list, .pairs, .broken: nil
        }
    }
}

/// The keys of one map, those that the file says and those that apply without it.
struct Fields: Hashable, Sendable {
    /// Where the map stands, or its name; nil when the file does not have it.
    let place: Place?
    private(set) var settings: [String: Value.Found] = [:]
    /// The keys that the map has, also those with mistakes.
    var written: Set<String> = []
    /// True when the map has a key of a later version, so that others may well be missing.
    var hasLaterKeys = false

    init(place: Place?) { self.place = place }

    subscript(key: String) -> Value.Found? {
        get { settings[key] }
        set { settings[key] = newValue }
    }

    /// The place of a key, or else of the map.
    func place(of key: String) -> Place? { settings[key]?.origin.place ?? place }

    func text(_ key: String) -> String? {
        if case .text(let text) = settings[key]?.value { text } else { nil }
    }

    func fields(_ key: String) -> Fields? {
        if case .fields(let fields) = settings[key]?.value { fields } else { nil }
    }

    func list(_ key: String) -> [Value.Found] {
        if case .list(let list) = settings[key]?.value { list } else { [] }
    }

    func pairs(_ key: String) -> [Value.Pair] {
        if case .pairs(let list) = settings[key]?.value { list } else { [] }
    }

    func named(_ key: String) -> [Value.Named] {
        if case .named(let list) = settings[key]?.value { list } else { [] }
    }

    func count(_ key: String) -> Int? {
        if case .count(let count) = settings[key]?.value { count } else { nil }
    }

    /// nil when it is not there, or is a word such as `none`.
    func duration(_ key: String) -> Duration? {
        if case .duration(let duration) = settings[key]?.value { duration } else { nil }
    }
}

/// A name that stands for several servers, with their port.
struct NameAndPort: Hashable, Sendable, CustomStringConvertible {
    let name: SoughtName
    let port: Port

    var description: String { "\(name):\(port)" }
}

/// An address to listen on, with one port or a range.
public struct BindAddress: Hashable, Sendable, CustomStringConvertible {
    /// With the first port.
    let first: SocketAddress
    let lastPort: UInt16

    var addresses: [SocketAddress] { (first.port...lastPort).map { first.with(port: $0) } }

    /// As it is written in a file.
    public var description: String { first.port == lastPort ? first.description : "\(first)-\(lastPort)" }
}

/// A backend by its address or name.
struct BackendAddress: Hashable, Sendable, CustomStringConvertible {
    let host: HostArgument
    let port: Port

    /// nil of a name.
    var address: SocketAddress? { host.address(port: port.rawValue) }

    var description: String { address?.description ?? "\(host.text):\(port)" }
}
