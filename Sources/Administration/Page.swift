import NIOCore

/// A file of the page.
struct Page: Hashable, Sendable {
    /// Its path: `/page.js`.
    let path: String
    private let type: String
    private let body: ByteBuffer

    /// The page itself, which loads the others.
    static let document = Page("/", Answer.MediaType.html, PackageResources.page_html)

    private init(_ path: String, _ type: String, _ bytes: [UInt8]) {
        self.path = path
        self.type = type
        body = ByteBuffer(bytes: bytes)
    }

    /// The file with this path; nil where there is none.
    init?(_ path: [String]) {
        guard let page = Self.byPath["/" + path.joined(separator: "/")] else { return nil }
        self = page
    }

    /// The file. The document says that nothing from elsewhere is loaded, run, framed or sent to.
    var answer: Answer {
        Answer(type: type, body: body, fields: path == Self.document.path ? Self.documentFields : [])
    }

    private static let documentFields = [
        Request.Field(
            name: "Content-Security-Policy",
            value: "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
                + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
        Request.Field(name: "Referrer-Policy", value: "no-referrer"),
    ]

    private static func script(_ name: String, _ bytes: [UInt8]) -> Page {
        Page("/\(name).js", Answer.MediaType.script, bytes)
    }

    private static let files = [
        document,
        Page("/page.css", Answer.MediaType.style, PackageResources.page_css),
        script("page", PackageResources.page_js),
        script("announcer", PackageResources.announcer_js),
        script("ask", PackageResources.ask_js),
        script("elements", PackageResources.elements_js),
        script("events", PackageResources.events_js),
        script("figures", PackageResources.figures_js),
        script("listeners", PackageResources.listeners_js),
        script("overview", PackageResources.overview_js),
        script("pools", PackageResources.pools_js),
        script("series", PackageResources.series_js),
        script("sessions", PackageResources.sessions_js),
        script("stream", PackageResources.stream_js),
        script("table", PackageResources.table_js),
        script("why", PackageResources.why_js),
        script("wishes", PackageResources.wishes_js),
    ]
    private static let byPath = Dictionary(uniqueKeysWithValues: files.map { ($0.path, $0) })
}
