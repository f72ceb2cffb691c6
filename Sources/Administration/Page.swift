import NIOCore

/// The files of the page.
enum Page: String, Hashable, Sendable, CaseIterable {
    case document = "/"
    case script = "/page.js"
    case style = "/page.css"

    /// The file with this path; nil where there is none.
    init?(_ path: [String]) {
        self.init(rawValue: "/" + path.joined(separator: "/"))
    }

    /// Its path.
    var path: String { rawValue }

    /// The file. The document says that nothing from elsewhere is loaded, run, framed or sent to.
    var answer: Answer {
        switch self {
        case .document:
            Answer(
                type: Answer.MediaType.html, body: Self.documentBody,
                fields: [
                    Request.Field(name: "Content-Security-Policy", value: Self.policy),
                    Request.Field(name: "Referrer-Policy", value: "no-referrer"),
                ])
        case .script: Answer(type: Answer.MediaType.script, body: Self.scriptBody)
        case .style: Answer(type: Answer.MediaType.style, body: Self.styleBody)
        }
    }

    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    private static let documentBody = ByteBuffer(bytes: PackageResources.page_html)
    private static let scriptBody = ByteBuffer(bytes: PackageResources.page_js)
    private static let styleBody = ByteBuffer(bytes: PackageResources.page_css)
}
