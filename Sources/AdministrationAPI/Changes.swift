/// A wish for another state: `POST /v1/pools/POOL/backends/BACKEND/state` and `POST /v1/listeners/LISTENER/state`.
public struct StateWish: Codable, Hashable, Sendable {
    /// Of a backend `ready`, `drain` (no new sessions; those that there are go on), `maintain` (likewise, and no checks), or for
    /// a drill `silent` or `refusing` (connects and checks meet a backend that does not answer, or refuses). Of a listener
    /// `open` or `paused`.
    public var state: String
    /// It goes back by itself after so many seconds.
    public var forSeconds: Double?
    /// Says what would change, and changes nothing.
    public var dryRun: Bool?

    /// All of it.
    public init(state: String, forSeconds: Double? = nil, dryRun: Bool? = nil) {
        self.state = state
        self.forSeconds = forSeconds
        self.dryRun = dryRun
    }
}

/// A wish for other figures: `PATCH /v1/pools/POOL/backends/BACKEND` and `PATCH /v1/listeners/LISTENER`.
public struct SettingWish: Codable, Hashable, Sendable {
    /// Of a backend: `50%` of its configured weight, a number, or `configured`.
    public var weight: String?
    /// Of a backend: a number, `none`, or `configured`.
    public var sessionsMax: String?
    /// Of a listener: the most sessions of one client, or `configured`.
    public var perClient: String?
    /// It goes back by itself after so many seconds.
    public var forSeconds: Double?
    /// Says what would change, and changes nothing.
    public var dryRun: Bool?

    /// Nothing is to change.
    public init() {}
}

/// A new backend: `POST /v1/pools/POOL/backends`. It lasts until the next reload of a file that does not name it.
public struct NewBackend: Codable, Hashable, Sendable {
    /// `10.0.0.4:80`, `[::1]:80` or `HOST:PORT`.
    public var address: String
    /// Its name; otherwise that is its address.
    public var name: String?
    /// Its share; 1 without that.
    public var weight: Int?
    /// Says what would change, and changes nothing.
    public var dryRun: Bool?

    /// All of it.
    public init(address: String, name: String? = nil, weight: Int? = nil, dryRun: Bool? = nil) {
        self.address = address
        self.name = name
        self.weight = weight
        self.dryRun = dryRun
    }
}

/// What was changed, or would be: the answer to each wish.
public struct Change: Codable, Hashable, Sendable {
    /// What it is about: `backend web/b2`, `listener web`, `session 1f2e...`, `configuration`.
    public var subject: String
    /// As it was: `up`, `weight 3`; nil of what is new.
    public var old: String?
    /// As it is now, or would be; nil of what is gone.
    public var new: String?
    /// Sessions that it concerns.
    public var sessions: Int
    /// It was only asked what would change.
    public var isDryRun: Bool
    /// Seconds until it goes back by itself; nil for never.
    public var revertsSeconds: Double?
    /// What else is to be said, a sentence each.
    public var remarks: [String]

    /// All of it.
    public init(
        subject: String, old: String?, new: String?, sessions: Int, isDryRun: Bool, revertsSeconds: Double? = nil,
        remarks: [String] = []
    ) {
        self.subject = subject
        self.old = old
        self.new = new
        self.sessions = sessions
        self.isDryRun = isDryRun
        self.revertsSeconds = revertsSeconds
        self.remarks = remarks
    }
}

/// What a reload would change: `GET /v1/config/diff`.
public struct ConfigurationDifference: Codable, Hashable, Sendable {
    /// A sentence for each change.
    public var changes: [String]
    /// One line about all of them.
    public var summary: String

    /// All of it.
    public init(changes: [String], summary: String) {
        self.changes = changes
        self.summary = summary
    }
}

/// Why a question has no answer, or a wish was not carried out: with a status of 400 to 599.
public struct Refusal: Codable, Hashable, Sendable, Error {
    /// What is wrong, and what would have been right.
    public var error: String
    /// What kind of reason that is; not part of the JSON, where the status says it.
    public var kind = Kind.conflict

    /// The kinds of reasons.
    public enum Kind: Hashable, Sendable {
        /// What it is about is not there.
        case missing
        /// What was asked means nothing.
        case invalid
        /// It cannot be done as things are.
        case conflict
        /// The loop that has to answer does not.
        case silent
    }

    private enum CodingKeys: CodingKey { case error }

    /// All of it.
    public init(error: String, kind: Kind = .conflict) {
        self.error = error
        self.kind = kind
    }
}
