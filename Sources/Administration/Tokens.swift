/// The tokens with which changes are allowed over TCP.
struct Tokens: Sendable {
    private let tokens: [[UInt8]]

    /// What an `Authorization` field is worth.
    enum Standing: Hashable, Sendable {
        /// There is none, or there are no tokens.
        case none
        /// It has one of the tokens.
        case right
        /// It has something else.
        case wrong
    }

    /// These tokens. Empty ones are left out: they would open the door to everybody.
    init(_ tokens: [[UInt8]]) { self.tokens = tokens.filter { !$0.isEmpty } }

    /// Without a token nobody may change anything over TCP.
    var isEmpty: Bool { tokens.isEmpty }

    /// Judges an `Authorization` field: `Bearer TOKEN`.
    func standing(of field: String?) -> Standing {
        guard let field, !isEmpty else { return .none }
        let scheme = "bearer "
        guard field.lowercased().hasPrefix(scheme) else { return .wrong }
        let offered = [UInt8](String(field.utf8.dropFirst(scheme.utf8.count))?.trimmingBlanks.utf8 ?? "".utf8)
        // All are compared, so that the time does not tell which one it was.
        var isRight = false
        for token in tokens {
            let isThis = Self.isEqual(offered, token)
            isRight = isRight || isThis
        }
        return isRight ? .right : .wrong
    }

    /// Takes as long for each `offered` of the same length: the time does not tell how many bytes are right.
    static func isEqual(_ offered: [UInt8], _ token: [UInt8]) -> Bool {
        guard !token.isEmpty else { return false }
        var difference: UInt8 = offered.count == token.count ? 0 : 1
        for (index, byte) in offered.enumerated() { difference |= byte ^ token[index % token.count] }
        return difference == 0
    }
}
