import Reactor

// The parts of a line that only the balancer writes.
extension LineLog.Record {
    /// `10.0.0.5:8090`, `[::1]:8090`
    mutating func append(endpoint address: SocketAddress) {
        if case .ipv6 = address {
            append("[")
            append(host: address)
            append("]:")
        } else {
            append(host: address)
            append(":")
        }
        append(address.port)
    }

    /// `pool 'web': `
    mutating func appendPool(_ name: String) {
        append("pool '")
        append(name)
        append("': ")
    }

    /// `10.0.0.5:8090`; `server1:8090` while it has no address; the label where there is one.
    mutating func append(title: BackendTitle) {
        switch title {
        case .address(let address):
            append(endpoint: address)
        case .name(let name):
            append(name.host)
            append(":")
            append(name.port)
        case .label(let label, _):
            append(label)
        }
    }

    /// `IP : <10.0.0.5>, Port : <8090> Server is alive`, without the newline. `start` includes the space that only the
    /// reference system's alive line has.
    mutating func appendProbe(_ start: StaticString, _ backend: BackendTitle, _ verdict: StaticString) {
        append(start)
        appendHost(of: backend)
        append(">, Port : <")
        append(backend.port)
        append("> ")
        append(verdict)
    }

    /// The guide's lines have addresses and names, and no labels.
    private mutating func appendHost(of backend: BackendTitle) {
        switch backend {
        case .address(let address): append(host: address)
        case .name(let name): append(name.host)
        case .label(_, let title): appendHost(of: title)
        }
    }

    /// `server1:8090 at 10.0.0.5:8090` where a name has an address; otherwise the one of both that there is. A label stands
    /// for the name.
    mutating func append(title: BackendTitle, named name: HostName?) {
        if case .label(let label, let title) = title {
            append(label)
            guard case .address = title else { return }
            append(" at ")
            return append(title: title)
        }
        guard case .address = title, let name else { return append(title: title) }
        append(title: .name(name))
        append(" at ")
        append(title: title)
    }

    /// `connection refused: Connection refused`: the reference system's form, its own text and the kernel's.
    ///
    /// A probe that timed out has the reference system's text and errno: there the connect was still in progress.
    mutating func append(guideCause cause: ProbeFailure) {
        switch cause {
        case .timeout:
            append("connection timeout: Operation now in progress")
        case .noAddress, .itself, .answer:
            append(cause: cause)
        case .error(let errno):
            let text = errno.description
            append(text.lowercased())
            append(": ")
            append(text)
        }
    }

    /// `Connection refused`, `no answer within the probe timeout`.
    mutating func append(cause: ProbeFailure) {
        switch cause {
        case .timeout: append("no answer within the probe timeout")
        case .answer(let reason): append(reason)
        case .error(let errno): append(errno.description)
        case .noAddress(let reason):
            append("unknown host: ")
            append(reason)
        case .itself: append("connected to itself: The address is that of the balancer's own listener")
        }
    }

    /// One line of `key=value` pairs.
    mutating func append(_ record: SessionRecord) {
        append("session client=")
        append(endpoint: record.client)
        append(" backend=")
        if let label = record.label {
            append(label)
            append(" address=")
        }
        if let backend = record.backend { append(endpoint: backend) } else { append("-") }
        append(" up=")
        append(record.bytesUp)
        append(" down=")
        append(record.bytesDown)
        append(" discarded=")
        append(record.bytesDiscarded)
        append(" connect_ms=")
        if let time = record.connectTime { append(milliseconds: time) } else { append("-") }
        append(" duration_ms=")
        append(milliseconds: record.duration)
        append(" attempts=")
        append(record.attempts)
        append(" ended_by=")
        append(record.endedBy.rawValue)
        append(" reason=")
        append(record.reason.rawValue)
        if let limit = record.limit {
            append(" limit=")
            append(limit.rawValue)
        }
        if let error = record.error {
            append(" error=\"")
            append(error.description)
            append("\"")
        }
        append("\n")
    }

    /// Milliseconds with three decimals.
    mutating func append(milliseconds duration: Duration) {
        append(thousandths: duration.wholeNanoseconds / 1000)
    }

    /// `10.000 s`
    mutating func append(seconds duration: Duration) {
        append(thousandths: duration.wholeNanoseconds / 1_000_000)
        append(" s")
    }

    mutating func append(thousandths count: UInt64) {
        append(count / 1000)
        let rest = count % 1000
        append(rest < 10 ? ".00" : rest < 100 ? ".0" : ".")
        append(rest)
    }
}
