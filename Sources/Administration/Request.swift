/// A request as the router sees it: a value, complete, and not judged yet.
struct Request: Sendable {
    /// Where a request comes from.
    enum Peer: Hashable, Sendable {
        /// The Unix socket, whose file mode guards it. The user is `user NAME` or `uid N`.
        case socket(user: String)
        /// TCP: anybody who reaches the address.
        case tcp
    }

    /// A header field.
    struct Field: Hashable, Sendable {
        /// Its name, in any case.
        var name: String
        /// Its value.
        var value: String
    }

    /// The method: `GET`.
    var method: String
    /// What stands behind the method: `/v1/sessions?pool=web`.
    var target: String
    /// The header fields in their order.
    var fields: [Field]
    /// Where it comes from.
    var peer: Peer
    /// True for HTTP/1.0, which asks for no `Host`.
    var isOld = false
    /// The body; empty without one.
    var body: [UInt8] = []

    /// All values of the fields with this name, which is in lower case.
    func values(_ name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name }.map(\.value)
    }

    /// The value of the first field with this name, which is in lower case.
    func value(_ name: String) -> String? {
        fields.first { $0.name.lowercased() == name }?.value
    }

    /// Whether an `Accept` field names this media type. Weights are not looked at.
    func accepts(_ type: String) -> Bool {
        values("accept").contains { value in
            value.split(separator: ",").contains { $0.mediaType == type }
        }
    }
}

extension StringProtocol {
    /// `application/json` of `Application/JSON; charset=utf-8`.
    var mediaType: String {
        let type = prefix { $0 != ";" }
        return type.trimmingBlanks.lowercased()
    }

    /// Without spaces and tabs at both ends.
    var trimmingBlanks: String {
        var text = Substring(self)
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
