/// A value of a file with its place; aliases are followed, and variables replaced.
struct Node: Sendable {
    let place: Place
    let content: Content

    indirect enum Content: Sendable {
        /// One word or line.
        case scalar(Scalar)
        /// Keys with their values, in their order.
        case map([Entry])
        /// Values in their order.
        case list([Node])
        /// Nothing stands there: `key:`, `null` or `~`.
        case nothing
        /// A mistake is reported already.
        case broken
    }

    struct Scalar: Sendable {
        /// The text, variables replaced.
        let text: String
        /// The text as it stands in the file.
        let written: String

        /// For a message: the text, and what it was made from if that is something else.
        var quoted: String { text == written ? "'\(text)'" : "'\(text)' (from '\(written)')" }
    }

    struct Entry: Sendable {
        let key: String
        let keyPlace: Place
        let value: Node
    }

    /// For a message: what it is instead of what is needed.
    var nature: String {
        switch content {
        case .scalar(let scalar): scalar.quoted
        case .map: "a map of keys"
        case .list: "a list"
        case .nothing: "nothing"
        case .broken: "a mistake"
        }
    }
}
