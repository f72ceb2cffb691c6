/// A place in a configuration file.
public struct Place: Hashable, Sendable, CustomStringConvertible {
    /// The file, as it was named; of an included one, the path of the including file's folder stands before it.
    public let file: String
    /// The line, from 1.
    public let line: Int
    /// The column, from 1, in Unicode scalars.
    public let column: Int

    /// `balancer.yaml:14:9`
    public var description: String { "\(file):\(line):\(column)" }
}

/// Where the value of a key comes from.
public enum Origin: Hashable, Sendable {
    /// The file says so, at the key itself.
    case file(Place)
    /// The section `defaults` of the file says so.
    case defaults(Place)
    /// The file says nothing about it.
    case builtIn

    /// The place in the file; nil for a value that is not from there.
    public var place: Place? {
        switch self {
        case .file(let place), .defaults(let place): place
        case .builtIn: nil
        }
    }
}

/// The value of a key, and where it comes from.
public struct Setting<Value: Sendable>: Sendable {
    /// The value.
    public let value: Value
    /// Where it comes from.
    public let origin: Origin
}
