import Reactor

/// An event as it is put together: fields that say what it is about, then words, in which further values may stand.
///
/// ```
///   $0.field("pool", "web")            text: warning pool pool=web no backend is up; clients closed: 3
///   $0.words("no backend is up")       JSON: "pool":"web","clients":3,"message":"no backend is up; clients closed: 3"
///   $0.words("; clients closed: ")
///   $0.value("clients", .number(3))
/// ```
///
/// Names of values are `snake_case`, and stand once in an event.
struct LogEvent {
    /// A value of a field.
    enum Value {
        case text(String)
        case number(UInt64)
        case address(SocketAddress)
        /// Written in seconds with three decimals.
        case seconds(Duration)
    }

    enum Part {
        case words(StaticString)
        /// Words that depend on whether options of the command line, or keys of a file, are meant.
        case remedy(command: StaticString, file: StaticString)
        case value(name: StaticString, Value)
        /// A number that has no name.
        case number(Int)
        /// `pool 'web': `, in lines of the one-line command alone: others have it as a field.
        case pool(String)
        /// In JSON alone: the words say it already.
        case detail(name: StaticString, Value)
    }

    let kind: EventKind
    private(set) var fields: [(name: StaticString, value: Value)] = []
    private(set) var parts: [Part] = []

    init(_ kind: EventKind) {
        self.kind = kind
    }

    /// What the event is about.
    mutating func field(_ name: StaticString, _ value: Value) { fields.append((name, value)) }
    /// What the event is about.
    mutating func field(_ name: StaticString, _ text: String) { fields.append((name, .text(text))) }

    /// Words of the program.
    mutating func words(_ text: StaticString) { parts.append(.words(text)) }

    /// A value that stands among the words.
    mutating func value(_ name: StaticString, _ value: Value) { parts.append(.value(name: name, value)) }
    /// A text from elsewhere that stands among the words.
    mutating func value(_ name: StaticString, _ text: String) { value(name, .text(text)) }
    /// A number, at least 0, that stands among the words.
    mutating func value(_ name: StaticString, _ number: Int) { value(name, .number(UInt64(max(0, number)))) }

    /// A number among the words, which JSON has in its message alone.
    mutating func number(_ number: Int) { parts.append(.number(number)) }

    /// A value that only JSON has.
    mutating func detail(_ name: StaticString, _ value: Value) { parts.append(.detail(name: name, value)) }

    /// What to do about it: an option of the one-line command, or a key of the file.
    mutating func remedy(command: StaticString, file: StaticString) {
        parts.append(.remedy(command: command, file: file))
    }

    /// The pool that it is about.
    mutating func about(_ pool: PoolTitle) {
        field("pool", pool.name)
        if !pool.isOnly { parts.append(.pool(pool.name)) }
    }

    /// The pool, the backend and its address.
    mutating func about(_ backend: BackendFacts) {
        field("pool", backend.pool)
        field("backend", backend.name)
        if let address = backend.address { field("address", .address(address)) }
    }
}

/// A backend as events name it.
struct BackendFacts {
    /// The name of its pool.
    var pool: String
    /// Its label, or else its configured name or address: its identity in the pool.
    var name: String
    /// Its address; nil while its name has none.
    var address: SocketAddress?
    /// It was up before.
    var wasUp = true
    /// How many sessions are on it, over all loops.
    var sessions: UInt64 = 0
    /// What becomes of them when it goes down.
    var whenDown = Configuration.WhenDown.keep
}

/// A pool as events name it.
struct PoolTitle {
    let name: String
    /// There is no other: lines of the one-line command then do not name it.
    let isOnly: Bool
}
