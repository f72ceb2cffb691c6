import Balancer
import Reactor

/// A key that the document needs and the table of keys does not have: a fault of this program, not of a file.
struct MissingKey: Error {
    let name: String
}

// The keys of the table as values of their own types.
extension Fields {
    private func found(_ key: String) throws(MissingKey) -> Value.Found {
        guard let found = self[key] else { throw MissingKey(name: key) }
        return found
    }

    /// A value that is always there.
    func setting<Result>(_ key: String, _ convert: (Value) -> Result?) throws(MissingKey) -> Setting<Result> {
        let found = try found(key)
        guard let value = convert(found.value) else { throw MissingKey(name: key) }
        return .init(value: value, origin: found.origin)
    }

    /// A value that may be absent, or a word such as `none`.
    func optional<Result>(_ key: String, _ convert: (Value) -> Result?) -> Setting<Result?> {
        .init(value: self[key].flatMap { convert($0.value) }, origin: self[key]?.origin ?? .builtIn)
    }

    func section(_ key: String) throws(MissingKey) -> Fields {
        guard let fields = fields(key) else { throw MissingKey(name: key) }
        return fields
    }
}

extension Value {
    var asDuration: Duration? { if case .duration(let value) = self { value } else { nil } }
    var asCount: Int? { if case .count(let value) = self { value } else { nil } }
    var asShare: Int? { if case .share(let value) = self { value } else { nil } }
    var asFlag: Bool? { if case .flag(let value) = self { value } else { nil } }
    var asText: String? { if case .text(let value) = self { value } else { nil } }
    var asWord: String? { if case .word(let value) = self { value } else { nil } }
    var asMode: UInt32? { if case .mode(let value) = self { value } else { nil } }
    var asIdentity: UInt32? { if case .identity(let value, _) = self { value } else { nil } }
    var asRemoval: Document.Removal? { if case .removal(let value) = self { value } else { nil } }

    var asBusyPoll: Configuration.Latency.BusyPoll? {
        switch self {
        case .duration(let duration): .atMost(duration)
        case .word("always"): .always
        case .word: .off
        default: nil
        }
    }
}
