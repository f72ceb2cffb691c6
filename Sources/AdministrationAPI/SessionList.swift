/// Sessions that match a question: `GET /v1/sessions`.
public struct SessionList: Codable, Hashable, Sendable {
    /// Those that are listed, the oldest first.
    public var sessions: [SessionRow]
    /// How many match.
    public var matched: Int
    /// Loops that did not answer in time; their sessions are missing.
    public var unansweredLoops: [Int]

    /// All of it.
    public init(sessions: [SessionRow], matched: Int, unansweredLoops: [Int]) {
        self.sessions = sessions
        self.matched = matched
        self.unansweredLoops = unansweredLoops
    }
}

/// A live session.
public struct SessionRow: Codable, Hashable, Sendable {
    /// Its id, as in the log: 16 hexadecimal digits.
    public var id: String
    /// The client's address and port.
    public var client: String
    /// The listener by which it came in.
    public var listener: String
    /// Its pool; nil before it has one.
    public var pool: String?
    /// Its backend, as ``Status/Backend/name``; nil before the first.
    public var backend: String?
    /// The address that it is, or is to be, connected to.
    public var backendAddress: String?
    /// `preface`, `connecting`, `waiting`, `relaying` or `lingering`.
    public var phase: String
    /// Seconds since the accept.
    public var ageSeconds: Double
    /// Seconds since something moved.
    public var idleSeconds: Double
    /// Bytes written to the backend.
    public var bytesUp: UInt64
    /// Bytes written to the client.
    public var bytesDown: UInt64
    /// Who does not take the bytes that wait for it: `client`, `backend` or `both`; nil when nobody is waited for.
    public var stalledBy: String?
    /// For how long, now.
    public var stalledSeconds: Double?

    /// All of it.
    public init(
        id: String, client: String, listener: String, pool: String?, backend: String?, backendAddress: String?,
        phase: String, ageSeconds: Double, idleSeconds: Double, bytesUp: UInt64, bytesDown: UInt64, stalledBy: String?,
        stalledSeconds: Double?
    ) {
        self.id = id
        self.client = client
        self.listener = listener
        self.pool = pool
        self.backend = backend
        self.backendAddress = backendAddress
        self.phase = phase
        self.ageSeconds = ageSeconds
        self.idleSeconds = idleSeconds
        self.bytesUp = bytesUp
        self.bytesDown = bytesDown
        self.stalledBy = stalledBy
        self.stalledSeconds = stalledSeconds
    }
}

/// What happened to one session, and why: `GET /v1/sessions/ID/why`.
public struct SessionStory: Codable, Hashable, Sendable {
    /// What a list says of it; of one that has ended, as it was at the end.
    public var session: SessionRow
    /// It lives.
    public var isLive: Bool
    /// When it was accepted, as of RFC 3339.
    public var accepted: String
    /// The server that its client named.
    public var serverName: String?
    /// What came before it had a pool (PROXY header, server's name, its client's limits); nil where nothing did.
    public var prefaceSeconds: Double?
    /// Its time in the pool's queue; nil when it has not waited.
    public var queueSeconds: Double?
    /// From the accept to the connection; nil without one.
    public var connectSeconds: Double?
    /// The last pick of a backend; nil when there was none.
    public var pick: Pick?
    /// The attempts to connect, in their order; of many, the first ones and the last.
    public var attempts: [Attempt]
    /// How many there were.
    public var attemptsTotal: Int
    /// How long bytes for the client waited for it, in all.
    public var clientStallSeconds: Double
    /// How often.
    public var clientStalls: Int
    /// How long bytes for the backend waited for it.
    public var backendStallSeconds: Double
    /// How often.
    public var backendStalls: Int
    /// How it ended; nil while it lives.
    public var end: End?
    /// All that in sentences, for people.
    public var sentences: [String]

    /// Which backends there were to choose from.
    public struct Pick: Codable, Hashable, Sendable {
        /// The policy.
        public var policy: String
        /// What it saw; of many candidates, the picked one and some others.
        public var candidates: [Candidate]
        /// How many more there were.
        public var notListed: Int

        /// All of it.
        public init(policy: String, candidates: [Candidate], notListed: Int) {
            self.policy = policy
            self.candidates = candidates
            self.notListed = notListed
        }
    }

    /// A backend at the moment of a pick.
    public struct Candidate: Codable, Hashable, Sendable {
        /// Its name; nil of one that has left since and is not known any more.
        public var backend: String?
        /// `picked`, `possible`, or why it was skipped: `down`, `full`, `tried`, `suspect`, `backup`, `drain`.
        public var verdict: String
        /// Its sessions at that moment, where the policy looks at them.
        public var sessions: Int?
        /// Its share at that moment.
        public var weight: Int

        /// All of it.
        public init(backend: String?, verdict: String, sessions: Int?, weight: Int) {
            self.backend = backend
            self.verdict = verdict
            self.sessions = sessions
            self.weight = weight
        }
    }

    /// An attempt to connect.
    public struct Attempt: Codable, Hashable, Sendable {
        /// The backend; nil of one that has left since and is not known any more.
        public var backend: String?
        /// How long it took.
        public var seconds: Double
        /// Why it failed: `Connection refused`; nil when it has succeeded, or goes on.
        public var error: String?

        /// All of it.
        public init(backend: String?, seconds: Double, error: String?) {
            self.backend = backend
            self.seconds = seconds
            self.error = error
        }
    }

    /// How it ended.
    public struct End: Codable, Hashable, Sendable {
        /// The reason, as in the log.
        public var reason: String
        /// `client`, `backend` or `balancer`.
        public var by: String
        /// The error; nil without one.
        public var error: String?
        /// When, as of RFC 3339.
        public var time: String

        /// All of it.
        public init(reason: String, by: String, error: String?, time: String) {
            self.reason = reason
            self.by = by
            self.error = error
            self.time = time
        }
    }

    /// Of one that was accepted and nothing else.
    public init(session: SessionRow, isLive: Bool, accepted: String) {
        self.session = session
        self.isLive = isLive
        self.accepted = accepted
        attempts = []
        attemptsTotal = 0
        clientStallSeconds = 0
        clientStalls = 0
        backendStallSeconds = 0
        backendStalls = 0
        sentences = []
    }
}
