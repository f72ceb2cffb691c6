import Balancer
import ConfigurationFile
import Reactor
import Top
import Wording

/// What a copy of a balancer is made of: of a configuration file one pool, with what decides how a lost backend is noticed and
/// what its clients meet, and one listener that leads to it.
struct DrillCopyText {
    /// The pool's name.
    let pool: String
    /// The name in the copy of the backend that is taken away.
    let backend: String
    /// What the file calls the backends: its name or address of each, in the order of ``backends``.
    private let titles: [String]
    /// The listener's name.
    let listener: String
    /// The backends' names in the copy; each has a server of the drill's own.
    let backends: [String]
    /// What is different from the file, a sentence each.
    let remarks: [String]
    private let source: Document.Pool
    private let process: Document.Process

    /// More servers are not started.
    private static let backendsMax = 200

    /// The error says what of the file cannot be copied.
    init(_ document: Document, backend word: String, listener wanted: String?) throws(Fault) {
        let (pool, place) = try Self.backend(word, document)
        guard pool.backends.count <= Self.backendsMax else {
            throw Fault(
                "pool '\(pool.name.value)' has \(pool.backends.count) backends: a copy has at most \(Self.backendsMax)")
        }
        source = pool
        process = document.process
        self.pool = pool.name.value
        // An address is no name in a file, and a name made of one could be too long, or be that of another backend.
        backends = pool.backends.indices.map { "b\($0 + 1)" }
        backend = backends[place]
        titles = pool.backends.map(Self.title)
        listener = try Self.listener(wanted, pool.name.value, document)
        remarks = Self.remarks(pool, document, listener: listener)
    }

    /// What the file calls a backend of the copy.
    func title(of name: String) -> String { backends.firstIndex(of: name).map { titles[$0] } ?? name }

    // MARK: what is meant

    private static func title(_ backend: Document.Backend) -> String {
        backend.name.value ?? backend.host.address(port: backend.port.rawValue)?.description
            ?? "\(backend.host.text):\(backend.port)"
    }

    private static func backend(_ word: String, _ document: Document) throws(Fault) -> (Document.Pool, Int) {
        var found: [(Document.Pool, Int)] = []
        for pool in document.pools {
            for (place, backend) in pool.backends.enumerated() {
                let title = title(backend)
                if word == title || word == "\(pool.name.value)/\(title)" { found.append((pool, place)) }
            }
        }
        if found.count == 1 { return found[0] }
        let names = document.pools.flatMap { pool in pool.backends.map { "\(pool.name.value)/\(title($0))" } }
        guard found.isEmpty else {
            let same = found.map { "\($0.0.name.value)/\(title($0.0.backends[$0.1]))" }.joined(separator: ", ")
            throw Fault("'\(word)' is not unique: give one of \(same)")
        }
        let discovered = document.discoveredPools.map(\.name)
        let list = names.isEmpty ? "it lists none" : "there are \(names.prefix(12).joined(separator: ", "))"
        let note =
            discovered.isEmpty
            ? ""
            : "; backends of \(discovered.joined(separator: ", ")) are found out while a balancer runs: make the "
                + "drill there"
        throw Fault("no backend '\(word)' in \(document.file): \(list)\(note)")
    }

    private static func listener(_ wanted: String?, _ pool: String, _ document: Document) throws(Fault) -> String {
        let names = document.listeners.filter { $0.pool.value == pool }.map(\.name.value)
        guard let wanted else { return names.first ?? document.listeners.first?.name.value ?? pool }
        guard document.listeners.contains(where: { $0.name.value == wanted }) else {
            throw Fault(
                "no listener '\(wanted)' in \(document.file): there are "
                    + document.listeners.map(\.name.value).joined(separator: ", "))
        }
        return wanted
    }

    private static func remarks(_ pool: Document.Pool, _ document: Document, listener: String) -> [String] {
        var remarks: [String] = []
        let kind = pool.check.kind.value
        if kind == .http || kind == .exchange {
            remarks.append(
                "The copy's servers only accept: its checks are plain connects, with the times of the file's "
                    + "(`kind: \(kind.rawValue)`)."
            )
        }
        if pool.agent != nil { remarks.append("The copy asks no agents.") }
        guard let found = document.listeners.first(where: { $0.name.value == listener }) else { return remarks }
        if found.serverNames != nil || found.proxy != nil || found.clients != .init() {
            remarks.append("The copy's listener looks at no server names, PROXY headers and limits of clients.")
        }
        return remarks
    }

    // MARK: the file

    /// The file of the copy.
    ///
    /// - Parameters:
    ///   - port: Of the listener, at 127.0.0.1.
    ///   - ports: Of the servers of ``backends``, likewise.
    ///   - socket: The path of the administration socket.
    func text(port: UInt16, ports: [UInt16], socket: String) -> String {
        var lines = [
            "version: 1", "process:", "  threads: \(process.threads.value)",
            "  freeze_when_all_fail: \(process.freezesWhenAllFail.value)", "  drain_time: 0s",
            "listeners:", "  \(Self.name(listener)): {bind: \"127.0.0.1:\(port)\", pool: \(Self.name(pool))}",
            "pools:", "  \(Self.name(pool)):", "    backends:",
        ]
        for (place, backend) in source.backends.enumerated() where ports.indices.contains(place) {
            let most = backend.sessionsMax.value.map { ", sessions_max: \($0)" } ?? ""
            lines.append(
                "      - {name: \"\(backends[place])\", address: \"127.0.0.1:\(ports[place])\", weight: "
                    + "\(backend.weight.value), "
                    + "backup: \(backend.isBackup.value)\(most)}")
        }
        lines += (poolLines + checkLines).map { "    \($0)" }
        lines += ["administration:", "  socket: \(Self.quoted(socket))"]
        return lines.joined(separator: "\n") + "\n"
    }

    private var poolLines: [String] {
        var lines = [
            "policy: \(source.policy.value.rawValue)",
            "connect_timeout: \(DurationRange.text(source.connectTimeout.value))",
            "idle_timeout: \(DurationRange.text(source.idleTimeout.value))",
            "when_down: \(source.closesWhenDown.value ? "close" : "keep")",
            "panic_threshold: \(Self.share(source.panicThreshold.value))",
        ]
        if source.policy.value == .sourceHash {
            let hash = source.sourceHash.value
            let most = hash.loadMax.map { ", load_max: \(Self.share($0))" } ?? ""
            lines.append("source_hash: {prefix4: \(hash.prefix4), prefix6: \(hash.prefix6)\(most)}")
        }
        let retries = [
            source.retriesMax.value.map { "max: \($0)" },
            source.retriesTimeout.value.map { "timeout: \(DurationRange.text($0))" },
        ].compactMap(\.self)
        if !retries.isEmpty { lines.append("retries: {\(retries.joined(separator: ", "))}") }
        if let passive = source.passive.value {
            lines.append(
                "passive: {failures: \(passive.failures), within: \(DurationRange.text(passive.within)), "
                    + "ejected: \(DurationRange.text(passive.ejected)), ejected_max: "
                    + "\(DurationRange.text(passive.ejectedMax)), "
                    + "share_max: \(Self.share(passive.shareMax))}")
        }
        if let time = source.slowStart.value { lines.append("slow_start: \(DurationRange.text(time))") }
        if let queue = source.queue.value {
            lines.append("queue: {max: \(queue.max), timeout: \(DurationRange.text(queue.timeout))}")
        }
        if let most = source.sessionsMax.value { lines.append("sessions_max: \(most)") }
        return lines
    }

    /// Checks with the times of the file's.
    private var checkLines: [String] {
        let check = source.check
        guard check.kind.value != .none else { return ["check: {kind: none}"] }
        let times = [
            check.fastInterval.value.map { "fast_interval: \(DurationRange.text($0))" },
            check.downInterval.value.map { "down_interval: \(DurationRange.text($0))" },
        ].compactMap(\.self).map { ", \($0)" }.joined()
        return [
            "check: {kind: tcp, interval: \(DurationRange.text(check.interval.value)), timeout: "
                + "\(DurationRange.text(check.timeout.value)), fall: \(check.fall.value), rise: "
                + "\(check.rise.value)\(times)}"
        ]
    }

    /// A name, which has only letters, digits, '.', '_' and '-': in quotes `null` and `12` are texts as well.
    private static func name(_ text: String) -> String { "\"\(text)\"" }

    /// `12.5%`, from millionths.
    private static func share(_ millionths: Int) -> String {
        let digits = String(1_000_000 + millionths % 10_000 * 100).dropFirst(1).prefix(4)
        return "\(millionths / 10_000).\(digits)%"
    }

    /// In single quotes, where YAML reads nothing but them; a dollar sign would begin a variable.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "''").replacing("$", with: "$$") + "'"
    }
}
