import Glibc
import Reactor
import Synchronization
import Testing

private let token = Token(kind: 3, index: 0)
private let somewhere = SocketAddress.ipv4(0x7F00_0001, port: 80)

private func name(_ host: String) -> HostName { HostName(host: host, port: 80, preferredFamily: AF_INET) }

/// A name server that answers when it is told to.
private final class NameServer: Sendable {
    private let isOpen = Atomic(false)
    /// How many ask at this moment, and how many ever did so at once.
    let asking = Atomic(0)
    let askingMax = Atomic(0)

    func open() { isOpen.store(true, ordering: .releasing) }

    /// Waits for `open`; names that begin with "no" are unknown.
    @Sendable func lookUp(_ name: HostName) throws(ResolverError) -> [SocketAddress] {
        let count = asking.add(1, ordering: .acquiringAndReleasing).newValue
        askingMax.max(count, ordering: .acquiringAndReleasing)
        while !isOpen.load(ordering: .acquiring) { sched_yield() }
        asking.subtract(1, ordering: .acquiringAndReleasing)
        if name.host.hasPrefix("no") { throw ResolverError(host: name.host, reason: "gone", cause: .unknown) }
        return [somewhere.with(port: name.port)]
    }
}

/// Takes what has come until there are so many answers.
private func answers(
    _ count: Int, of resolver: borrowing BackgroundResolver, _ poller: borrowing Poller
) throws -> [BackgroundResolver.Answer] {
    var all: [BackgroundResolver.Answer] = []
    var events = EventBuffer(capacity: 4)
    _ = try eventually {
        try poller.poll(into: &events, timeout: .immediately)
        for index in 0..<events.count where events[index].token == token { all += resolver.answers() }
        return all.count >= count
    }
    return all
}

@Suite struct BackgroundResolverTests {
    @Test func eachQuestionHasOneAnswer() throws {
        let server = NameServer()
        server.open()
        let poller = try Poller()
        let resolver = try BackgroundResolver(server.lookUp)
        #expect(resolver.add(to: poller, token) == nil)
        for index in 0..<50 {
            resolver.ask(name(index.isMultiple(of: 5) ? "nobody" : "host\(index)"), tag: Token(kind: 1, index: index))
        }
        let all = try answers(50, of: resolver, poller)
        #expect(all.map(\.tag.index).sorted() == Array(0..<50))
        for answer in all {
            switch answer.result {
            case .success(let addresses):
                #expect(addresses == [somewhere] && !answer.tag.index.isMultiple(of: 5))
            case .failure(let error):
                #expect(error.reason == "gone" && answer.tag.index.isMultiple(of: 5))
            }
        }
        #expect(resolver.answers().isEmpty)
    }

    /// A name server that is silent holds up the loop for no time, and a bounded number of threads.
    @Test func aSilentServerHoldsUpABoundedNumber() throws {
        let server = NameServer()
        let poller = try Poller()
        let resolver = try BackgroundResolver(server.lookUp)
        #expect(resolver.add(to: poller, token) == nil)
        for index in 0..<20 { resolver.ask(name("host\(index)"), tag: Token(kind: 1, index: index)) }
        let areBusy = eventually {
            server.asking.load(ordering: .acquiring) == BackgroundResolver.threadsMax
        }
        #expect(areBusy)
        #expect(resolver.answers().isEmpty)
        server.open()
        #expect(try answers(20, of: resolver, poller).count == 20)
        #expect(server.askingMax.load(ordering: .acquiring) == BackgroundResolver.threadsMax)
    }

    @Test func theSystemKnowsThisMachine() throws {
        let poller = try Poller()
        let resolver = try BackgroundResolver()
        #expect(resolver.add(to: poller, token) == nil)
        resolver.ask(HostName(host: "localhost", port: 8090, preferredFamily: AF_INET), tag: token)
        let all = try answers(1, of: resolver, poller)
        #expect(try all.first?.result.get().allSatisfy { ["127.0.0.1", "::1"].contains($0.host) } == true)
    }
}
