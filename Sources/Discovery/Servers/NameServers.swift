import Reactor

/// What a server has answered to a question.
struct Reply: Hashable, Sendable {
    let server: SocketAddress
    let outcome: Message.Outcome
    var additional: [Record] = []
}

/// The name servers, as they are asked during one look-up.
///
/// A server that does not answer, fails, refuses or lies is passed over for the next one, and all of them are asked
/// ``NameServerSettings/attempts`` times. The one that has answered last goes first with the look-up's next question, so
/// that a dead one costs its timeout once and not with each question.
struct NameServers {
    private let settings: NameServerSettings
    private let deadline: Instant
    private var order: [SocketAddress]
    /// Servers that do not know EDNS.
    private var plain: Set<SocketAddress> = []

    init(_ settings: NameServerSettings, deadline: Instant) {
        self.settings = settings
        self.deadline = deadline
        order = settings.servers
        guard settings.rotates, let first = order.indices.randomElement() else { return }
        order = Array(order[first...] + order[..<first])
    }

    /// Asks until a server has answered; it blocks.
    mutating func ask(_ question: Question) throws(Unanswered) -> Reply {
        var unanswered = Unanswered(question: question)
        for _ in 0..<settings.attempts {
            for server in order {
                guard Clock.monotonic.now() < deadline else { throw unanswered }
                do throws(ServerFailure) {
                    let reply = try ask(server, question)
                    order.removeAll { $0 == server }
                    order.insert(server, at: 0)
                    return reply
                } catch {
                    unanswered.note(error)
                }
            }
        }
        throw unanswered
    }

    /// Asks one server, and once more without EDNS where that may be what it does not know.
    private mutating func ask(_ server: SocketAddress, _ question: Question) throws(ServerFailure) -> Reply {
        var (message, isStream) = try exchange(server, question)
        if message.code.mayBeAboutEDNS, plain.insert(server).inserted {
            (message, isStream) = try exchange(server, question)
        }
        do throws(ServerFailure.Cause) {
            return Reply(server: server, outcome: try Self.outcome(message, question), additional: message.additional)
        } catch {
            throw ServerFailure(server: server, isStream: isStream, cause: error)
        }
    }

    private static func outcome(
        _ message: Message, _ question: Question
    ) throws(ServerFailure.Cause) -> Message.Outcome {
        guard message.code == .noError || message.code == .nameError else { throw .code(message.code) }
        // A server that is not in charge of the name, asks nobody, and has nothing: at best it names others to ask.
        if message.code == .noError, message.answers.isEmpty, !message.hasStartOfAuthority,
            !message.isAuthoritative, !message.offersRecursion
        {
            throw .noRecursion
        }
        do throws(WireFault) {
            return try message.outcome(of: question)
        } catch {
            throw .malformed(error)
        }
    }

    /// By UDP, and by TCP when the answer is too long for it. Each has the whole timeout.
    private func exchange(
        _ server: SocketAddress, _ question: Question
    ) throws(ServerFailure) -> (Message, isStream: Bool) {
        if !settings.usesStream {
            do throws(ServerFailure.Cause) {
                let message = try begin(server, question).byDatagram()
                if !message.isTruncated { return (message, false) }
            } catch {
                throw ServerFailure(server: server, isStream: false, cause: error)
            }
        }
        do throws(ServerFailure.Cause) {
            return (try begin(server, question).byStream(), true)
        } catch {
            throw ServerFailure(server: server, isStream: true, cause: error)
        }
    }

    private func begin(_ server: SocketAddress, _ question: Question) -> Exchange {
        let now = Clock.monotonic.now()
        return Exchange(
            question, to: server, withEDNS: !plain.contains(server), start: now,
            deadline: min(now + settings.timeout, deadline))
    }
}
