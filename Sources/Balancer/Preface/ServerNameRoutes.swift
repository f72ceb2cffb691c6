/// Which value belongs to a server name: that of the name itself, or else of the longest wildcard that it matches.
///
/// - Complexity: A look-up takes one hash per label of the name, but of no more labels than the longest wildcard has,
///   however many routes there are. It allocates nothing.
struct ServerNameRoutes<Value> {
    private var exact: [ArraySlice<UInt8>: Value] = [:]
    /// By what follows after `*.`.
    private var wildcards: [ArraySlice<UInt8>: Value] = [:]
    /// The most labels of a wildcard, without its `*`. So a name of a hundred labels costs no hundred hashes.
    private var wildcardLabelsMax = 0

    /// Routes in any order. Of several with the same pattern the first counts.
    init(_ routes: [(ServerNamePattern, Value)]) {
        for (pattern, value) in routes {
            let name = pattern.name[...]
            if pattern.isWildcard {
                if wildcards[name] == nil { wildcards[name] = value }
                wildcardLabelsMax = max(wildcardLabelsMax, Self.dots(in: name) + 1)
            } else if exact[name] == nil {
                exact[name] = value
            }
        }
    }

    /// The value for a name; nil when no pattern matches it.
    func value(for name: ServerName) -> Value? {
        if let value = exact[name.bytes[...]] { return value }
        guard !wildcards.isEmpty else { return nil }
        var rest = name.bytes[...]
        var labels = Self.dots(in: rest) + 1
        while let dot = rest.firstIndex(of: UInt8(ascii: ".")) {
            rest = rest[(dot + 1)...]
            labels -= 1
            if labels <= wildcardLabelsMax, let value = wildcards[rest] { return value }
        }
        return nil
    }

    private static func dots(in name: ArraySlice<UInt8>) -> Int { name.count { $0 == UInt8(ascii: ".") } }
}

extension ServerNameRoutes: Sendable where Value: Sendable {}
