/// A TCP port as an argument: a decimal number from 1 to 65535.
public struct Port: Hashable, CustomStringConvertible, Sendable {
    /// The port number, never 0.
    public let rawValue: UInt16

    /// What may be a port. Port 0 is refused, because the kernel takes it for any port.
    public static let range = NumberRange<UInt16>(1...UInt16.max)

    /// Wraps a port that the program itself chooses, such as a default.
    public init(_ rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// Parses an argument; the error says what a port is.
    public static func parse(_ text: String) throws(ArgumentFault) -> Port {
        Port(try range.parse(text))
    }

    /// Parses an argument; nil when it is not a port.
    public init?(argument: String) {
        guard let port = try? Self.parse(argument) else { return nil }
        self = port
    }

    /// The number in decimal.
    public var description: String { String(rawValue) }
}
