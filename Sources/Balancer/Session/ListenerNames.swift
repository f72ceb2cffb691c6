/// The names of listeners that sessions came in by, as numbers: a session's line needs the name when it ends, and its listener
/// may have left by then.
struct ListenerNames {
    /// The first stands for names beyond ``numbersMax``, of which there are as many only after as many reloads.
    private var names = ["-"]

    private static let numbersMax = Int(UInt16.max)

    /// The number of a name. It looks through all names: an ``Entrance`` keeps what it gets.
    mutating func number(of name: String) -> UInt16 {
        if let known = names.dropFirst().firstIndex(of: name) { return UInt16(known) }
        guard names.count <= Self.numbersMax else { return 0 }
        names.append(name)
        return UInt16(names.count - 1)
    }

    subscript(number: UInt16) -> String { names[Int(number)] }
}
