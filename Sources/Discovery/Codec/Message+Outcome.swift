/// What an answer says about its question.
extension Message {
    enum Outcome: Hashable, Sendable {
        /// The records that were asked for, and the lowest time to live of them and of the aliases that led there, in
        /// seconds.
        case records([Record], timeToLive: UInt32)
        /// The name exists and has no such records.
        case nothing
        /// The name does not exist.
        case absent
        /// The name is an alias of another one, which the server has not followed up: it has to be asked for.
        case alias(DomainName, timeToLive: UInt32, steps: Int)
    }

    /// Follows the aliases (CNAME) from the question to the records: RFC 1034, 3.6.2.
    ///
    /// "Does not exist" is about the last of the aliases: RFC 6604, 3.
    func outcome(of question: Question) throws(WireFault) -> Outcome {
        var name = question.name
        var timeToLive = UInt32.max
        var steps = 0
        while true {
            let found = answers.filter { $0.name == name && $0.type == question.type && $0.data != .other }
            if let lowest = found.map(\.seconds).min() {
                guard code == .noError else { throw .contradiction }
                return .records(found, timeToLive: min(timeToLive, lowest))
            }
            guard let (target, time) = alias(of: name) else { break }
            steps += 1
            guard steps <= Lookup.aliasesMax else { throw .tooManyAliases }
            timeToLive = min(timeToLive, time)
            name = target
        }
        if code == .nameError { return .absent }
        if steps > 0 { return hasStartOfAuthority ? .nothing : .alias(name, timeToLive: timeToLive, steps: steps) }
        // What else may stand there (DNAME, signatures) comes with an alias or with the records themselves.
        let isAboutOthers = answers.contains { $0.data != .other && ($0.type == question.type || $0.type == .cname) }
        if isAboutOthers { throw .otherName }
        return .nothing
    }

    /// The first alias of a name. More than one is forbidden (RFC 2181, 10.1).
    private func alias(of name: DomainName) -> (target: DomainName, seconds: UInt32)? {
        for record in answers where record.name == name {
            if case .alias(let target) = record.data { return (target, record.seconds) }
        }
        return nil
    }
}

extension Record {
    /// The time to live in seconds. One with the highest bit set counts as 0: RFC 2181, 8.
    var seconds: UInt32 { timeToLive > UInt32(Int32.max) ? 0 : timeToLive }
}
