import Balancer

// How the backends of a pool are probed, from the keys that were found.
extension Document.Check {
    init(_ fields: Fields) throws(MissingKey) {
        kind = try fields.setting("kind") { $0.asWord.flatMap(Configuration.HealthCheck.Kind.init(rawValue:)) }
        interval = try fields.setting("interval", \.asDuration)
        fastInterval = fields.optional("fast_interval", \.asDuration)
        downInterval = fields.optional("down_interval", \.asDuration)
        let given = fields.optional("timeout", \.asDuration)
        let shortest = fields.shortestInterval?.duration ?? interval.value
        timeout = .init(
            value: given.value ?? min(Configuration.HealthCheck().timeout, shortest), origin: given.origin)
        fall = try fields.setting("fall", \.asCount)
        rise = try fields.setting("rise", \.asCount)
        port = fields.optional("port", \.asCount)
        closesInOrder = try fields.setting("close") { $0.asWord.map { $0 == "fin" } }
        steps = Self.steps(fields)
        http = try Self.http(fields)
    }

    /// `steps`, or else `send` and `expect`.
    private static func steps(_ fields: Fields) -> [Configuration.ExchangeStep] {
        let steps = fields.list("steps").compactMap { found in
            if case .fields(let step) = found.value { self.step(step) } else { nil }
        }
        guard steps.isEmpty else { return steps }
        return [fields.bytes("send").map { .send($0) }, fields.bytes("expect").map { .expect($0) }].compactMap(\.self)
    }

    private static func step(_ fields: Fields) -> Configuration.ExchangeStep? {
        if let bytes = fields.bytes("send") { return .send(bytes) }
        if let bytes = fields.bytes("expect") { return .expect(bytes) }
        return fields.bytes("find").map { .find($0) }
    }

    static func agent(_ fields: Fields?) throws(MissingKey) -> Configuration.AgentCheck? {
        guard let fields else { return nil }
        let port = try fields.setting("port", \.asCount).value
        let interval = try fields.setting("interval", \.asDuration).value
        var agent = Configuration.AgentCheck(port: UInt16(port), interval: interval)
        agent.timeout = fields.duration("timeout") ?? min(agent.timeout, interval)
        agent.send = fields.bytes("send") ?? []
        return agent
    }

    private static func http(_ fields: Fields) throws(MissingKey) -> Configuration.HTTPCheck {
        var http = Configuration.HTTPCheck()
        http.path = try fields.setting("path", \.asText).value
        http.host = fields.text("host")
        http.statuses = fields.list("status").compactMap { found in
            if case .statuses(let range) = found.value { range } else { nil }
        }
        http.body = fields.bytes("body") ?? []
        return http
    }
}

extension Fields {
    func bytes(_ key: String) -> [UInt8]? {
        if case .bytes(let bytes) = self[key]?.value { bytes } else { nil }
    }

    /// Of a check: the shortest of its intervals, and its key.
    var shortestInterval: (key: String, duration: Duration)? {
        let all = ["interval", "fast_interval", "down_interval"].compactMap { key in
            duration(key).map { (key: key, duration: $0) }
        }
        return all.min { $0.duration < $1.duration }
    }
}
