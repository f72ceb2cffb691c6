// What a failure is reported with.

extension SideScript: CustomStringConvertible {
    var description: String {
        var parts = ["sends \(bytes) bytes in chunks of \(chunk)"]
        if let gap { parts.append("pauses \(gap.milliseconds) ms after each \(gap.bytes)") }
        if let sendBuffer { parts.append("SO_SNDBUF \(sendBuffer)") }
        if let receiveBuffer { parts.append("SO_RCVBUF \(receiveBuffer)") }
        switch pace {
        case .fast(let count): parts.append("reads \(count) at a time")
        case .steady(let rate): parts.append("reads \(rate) a second")
        case .bursts(let count, let milliseconds): parts.append("reads \(count), then pauses \(milliseconds) ms")
        case .never: parts.append("does not read")
        }
        switch leaving {
        case .finish: parts.append("FIN after its last byte")
        case .finishLast: parts.append("FIN after the other's FIN")
        case .finishThenReset: parts.append("FIN, and RST when all is acknowledged")
        case .closeAcknowledged: parts.append("closes when all is acknowledged")
        case .resetAcknowledged: parts.append("RST when all is acknowledged")
        case .close(let count): parts.append("closes after \(count) bytes")
        case .reset(let count): parts.append("RST after \(count) bytes")
        case .resetAfterReading(let count): parts.append("RST after reading \(count) bytes")
        }
        return parts.joined(separator: ", ")
    }
}

extension Outcome: CustomStringConvertible {
    var description: String {
        let ending =
            switch end {
            case .fin: "then FIN"
            case .reset: "then RST"
            case nil: "and no end"
            }
        let leaving = !hasLeft ? "is still there" : hasCutOff ? "cut the session off" : "left at the end"
        return "sent \(sent) (\(hasLeft ? "\(acknowledged) acknowledged, " : "")\(leaving)), got \(received) \(ending)"
    }
}

extension Session: CustomStringConvertible {
    var description: String {
        """
          client   \(script.client)
                   \(client.outcome)
          backend  \(script.backend)
                   \(backend?.outcome.description ?? "was never connected")
        """
    }
}
