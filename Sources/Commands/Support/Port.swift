import ArgumentParser

/// A TCP port as an argument: a decimal number from 1 to 65535.
public struct Port: ExpressibleByArgument, CustomStringConvertible, Sendable {
    /// The port number, never 0.
    public let rawValue: UInt16

    /// Wraps a port that the program itself chooses, such as a default.
    public init(_ rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// Parses an argument; nil when it is not a port. Port 0 is refused, because the kernel takes it for any port.
    public init?(argument: String) {
        guard argument.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = UInt16(argument), number > 0
        else { return nil }
        rawValue = number
    }

    /// The number in decimal.
    public var description: String { String(rawValue) }
    /// The default value as shown in help.
    public var defaultValueDescription: String { description }
}
