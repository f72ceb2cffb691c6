import Reactor

// A session as one line.
extension LineWriter {
    /// Its record, with id, listener and pool.
    func write(_ session: SessionRecord, _ names: SessionNames, to record: inout LineLog.Record) {
        begin(&record, .info, subject: "session", event: "session")
        name(&record, "id")
        quoted(&record) { $0.append(hex: session.id.rawValue, digits: 16) }
        field(&record, "listener", names.listener)
        field(&record, "pool", names.pool)
        field(&record, "client", session.client)
        if let name = names.serverName { field(&record, "server_name", name) }
        if let backend = names.backend { field(&record, "backend", backend) } else { absent(&record, "backend") }
        if let address = session.backend { field(&record, "address", address) }
        field(&record, "up", session.bytesUp)
        field(&record, "down", session.bytesDown)
        field(&record, "discarded", session.bytesDiscarded)
        if let time = session.connectTime {
            field(&record, "connect_ms", milliseconds: time)
        } else {
            absent(&record, "connect_ms")
        }
        field(&record, "duration_ms", milliseconds: session.duration)
        field(&record, "attempts", session.attempts)
        if let failed = names.firstFailed {
            field(&record, "first_failed", failed.name)
            field(&record, "first_failed_address", failed.address)
        }
        word(&record, "ended_by", session.endedBy.rawValue)
        word(&record, "reason", session.reason.rawValue)
        if let limit = session.limit { word(&record, "limit", limit.rawValue) }
        if let error = session.error { field(&record, "error", error.description) }
        end(&record)
    }

    private func quoted(_ record: inout LineLog.Record, _ write: (inout LineLog.Record) -> Void) {
        if format == .json { record.append("\"") }
        write(&record)
        if format == .json { record.append("\"") }
    }

    /// A word of the program, which needs no escapes.
    private func word(_ record: inout LineLog.Record, _ name: StaticString, _ word: String) {
        self.name(&record, name)
        quoted(&record) { $0.append(word) }
    }

    private func field(_ record: inout LineLog.Record, _ name: StaticString, milliseconds duration: Duration) {
        self.name(&record, name)
        record.append(milliseconds: duration)
    }

    private func absent(_ record: inout LineLog.Record, _ name: StaticString) {
        self.name(&record, name)
        record.append(format == .json ? "null" : "-")
    }
}
