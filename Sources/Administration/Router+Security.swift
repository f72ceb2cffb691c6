extension Router {
    /// Refuses fields of which two readers could make two things: where a body ends, and whose host it is.
    static func checkFields(of request: Request) throws(Refused) {
        // What was not UTF-8 arrives with U+FFFD in its place.
        let isClean = request.fields.allSatisfy { field in
            field.value.unicodeScalars.allSatisfy {
                ($0.value >= 0x20 || $0 == "\t") && $0 != "\u{7F}" && $0 != "\u{FFFD}"
            }
        }
        guard isClean else { throw Refused(400, "A header field has a control character or is not UTF-8.") }
        let lengths = request.values("content-length")
        guard lengths.count <= 1 else { throw Refused(400, "The request has Content-Length twice.") }
        let codings = request.values("transfer-encoding")
        guard codings.isEmpty || lengths.isEmpty else {
            throw Refused(400, "The request has both Content-Length and Transfer-Encoding.")
        }
        guard codings.isEmpty || codings.map({ $0.lowercased() }) == ["chunked"] else {
            throw Refused(400, "The only Transfer-Encoding is chunked, once.")
        }
        let hosts = request.values("host")
        guard hosts.count == 1 || (hosts.isEmpty && request.isOld) else {
            throw Refused(400, "The request needs one Host field.")
        }
    }

    /// Refuses over TCP what a page of somebody else makes a browser send.
    func checkOrigin(of request: Request, _ target: Target) throws(Refused) {
        let host = request.value("host") ?? ""
        guard hosts.accept(host) else {
            throw Refused(
                421,
                "The host \(host.quoted) is not known here: use an address that administration listens on, or list "
                    + "the name among its hosts.")
        }
        if let origin = request.value("origin")?.lowercased() {
            guard origin == "http://\(host.lowercased())" || origin == "https://\(host.lowercased())",
                request.values("origin").count == 1
            else {
                throw Refused(
                    403, "The origin \(origin.quoted) is not that of this page: only pages from here may ask.")
            }
        }
        // A link of another page may lead to the page, to nothing else.
        if request.value("sec-fetch-site")?.lowercased() == "cross-site", !target.path.isEmpty {
            throw Refused(403, "The request comes from a page of another site: only pages from here may ask.")
        }
    }

    /// The name of whoever asks, as the log has it: `user alice`, `uid 1000` or `token`; nil where nothing may be
    /// changed. A wrong token is refused also where none is needed: its owner would otherwise not notice.
    func asker(of request: Request) throws(Refused) -> String? {
        if case .socket(let user) = request.peer { return user }
        guard request.values("authorization").count <= 1 else {
            throw Refused(400, "The request has Authorization twice.")
        }
        switch tokens.standing(of: request.value("authorization")) {
        case .none: return nil
        case .right: return "token"
        case .wrong:
            throw Refused(
                401, "The token is not one of the token file: it is sent as Authorization: Bearer TOKEN.")
        }
    }

    /// The name of one that may change something.
    func checkedAsker(_ asker: String?, _ request: Request) throws(Refused) -> String {
        guard let name = asker else {
            throw tokens.isEmpty
                ? Refused(
                    403,
                    "Over TCP nothing can be changed, because administration has no token file: name one in its "
                        + "configuration, or ask over its Unix socket.")
                : Refused(
                    401,
                    "A change over TCP needs a token of the token file: Authorization: Bearer TOKEN. Over the Unix "
                        + "socket it needs none.")
        }
        // A form of another page cannot send this type without asking first, which is never answered.
        if request.peer == .tcp, !request.body.isEmpty, request.value("content-type")?.mediaType != "application/json" {
            throw Refused(415, "A body needs Content-Type: application/json.")
        }
        return name
    }
}
