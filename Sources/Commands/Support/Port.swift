import ArgumentParser

/// A TCP port as an argument: a decimal number from 1 to 65535.
public struct Port: ExpressibleByArgument, CustomStringConvertible, Sendable {
    /// The port.
    public let rawValue: UInt16

    /// A port of the program's own.
    public init(_ rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// Reads an argument; nil when it is no port. Port 0, which means any, is none.
    public init?(argument: String) {
        guard argument.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = UInt16(argument), number > 0
        else { return nil }
        rawValue = number
    }

    /// The number.
    public var description: String { String(rawValue) }
    /// What help shows.
    public var defaultValueDescription: String { description }
}
