/// Why an argument is wrong and what is right: the end of the error message, after the argument's name and value.
public struct ArgumentFault: Error, CustomStringConvertible {
    /// One line, for display.
    public let description: String

    /// A fault with its remedy.
    public init(_ description: String) {
        self.description = description
    }
}
