import AdministrationAPI
import Wording

/// The query of a request, of which each name is taken once; what is left at the end is a mistake.
struct Query {
    private var rest: [Target.Pair]
    private var names: [String] = []

    /// The most sessions that are listed at once. A row has about 400 bytes.
    static let sessionsMax: UInt64 = 10_000
    /// The longest duration, in seconds: a year. It fits into each unit that the balancer counts in.
    static let secondsMax: Double = 365 * 86_400

    /// The query of a target.
    init(_ target: Target) { rest = target.query }

    /// The value of a name; nil where the query lacks it.
    mutating func text(_ name: String) throws(Refused) -> String? {
        names.append(name)
        let found = rest.filter { $0.name == name }
        guard found.count <= 1 else { throw Refused(400, "The query has \(name) twice.") }
        rest.removeAll { $0.name == name }
        guard let value = found.first?.value else { return nil }
        guard !value.isEmpty else { throw Refused(400, "The query has \(name) without a value.") }
        return value
    }

    /// One of some values.
    mutating func choice(_ name: String, of values: [String]) throws(Refused) -> String? {
        guard let value = try text(name) else { return nil }
        guard values.contains(value) else {
            throw Refused(400, "\(name) is \(values.joined(separator: " or ")), not \(value.quoted).")
        }
        return value
    }

    /// `yes` or `no`; false without it.
    mutating func flag(_ name: String) throws(Refused) -> Bool {
        try choice(name, of: ["yes", "no"]) == "yes"
    }

    /// A whole number.
    mutating func number(_ name: String, in range: ClosedRange<UInt64>) throws(Refused) -> UInt64? {
        guard let value = try text(name) else { return nil }
        guard let number = UInt64(value), range.contains(number) else {
            throw Refused(
                400, "\(name) is a number from \(range.lowerBound) to \(range.upperBound), not \(value.quoted).")
        }
        return number
    }

    /// A duration in seconds: `500ms`, `5s`, `1.5m`, `1h`, `2d`, or a number of seconds.
    mutating func seconds(_ name: String) throws(Refused) -> Double? {
        guard let value = try text(name) else { return nil }
        do {
            return try DurationRange(.zero ... .seconds(Self.secondsMax)).parse(value) / .seconds(1)
        } catch {
            throw Refused(400, "The query has \(name)=\(value.quoted), but \(error).")
        }
    }

    /// Refuses what nobody has taken: a misspelt condition would otherwise match more than was meant.
    func finish() throws(Refused) {
        guard let unknown = rest.first else { return }
        throw Refused(
            400,
            names.isEmpty
                ? "Nothing may be asked with ? here, but the query has \(unknown.name.quoted)."
                : "The query has \(unknown.name.quoted); it may have \(names.joined(separator: ", ")).")
    }

    /// Which sessions are asked for.
    mutating func sessions() throws(Refused) -> SessionQuestion {
        var question = SessionQuestion()
        question.pool = try text("pool")
        question.backend = try text("backend")
        question.listener = try text("listener")
        question.client = try text("client")
        question.olderSeconds = try seconds("older")
        question.idleSeconds = try seconds("idle")
        question.isStalled = try flag("stalled")
        if let limit = try number("limit", in: 1...Self.sessionsMax) { question.limit = Int(limit) }
        try finish()
        return question
    }
}
