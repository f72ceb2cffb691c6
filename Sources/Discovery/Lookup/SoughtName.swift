/// A name as an operator writes it, which may be short: a dot at its end says that it is complete.
public struct SoughtName: Hashable, Sendable, CustomStringConvertible {
    /// The name as it stands.
    public let name: DomainName
    /// It ended in a dot, so the search list has nothing to do with it.
    public let isComplete: Bool

    /// A name from its text.
    public init(_ text: String) throws(DomainName.Fault) {
        name = try DomainName(text)
        isComplete = text.utf8.last == UInt8(ascii: ".")
    }

    /// As it was written, in lower case.
    public var description: String { isComplete ? name.description : String(name.description.dropLast()) }

    /// The full names that it may mean, in the order in which they are asked for: resolv.conf(5), `ndots`.
    ///
    /// With at least `ndots` dots the name as it stands comes first, and the domains after it, as the C library does; musl
    /// then leaves the domains out. A name that would become too long is left out.
    func candidates(_ settings: NameServerSettings) -> [DomainName] {
        guard !isComplete else { return [name] }
        let found = settings.domains.compactMap { name.inside($0) }
        let comesFirst = name.labelCount - 1 >= settings.dotsMin
        return comesFirst ? [name] + found : found + [name]
    }
}
