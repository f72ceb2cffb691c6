import Reactor
import Testing

@testable import Balancer

@Suite struct SourceBindingTests {
    private let wanted = SocketAddress.ipv4(0x0A00_0005, port: 0)

    @Test func untilAProbeHasLookedSessionsAreBound() {
        let source = SourceBinding(wanted)
        #expect(source.forSessions == wanted)
        #expect(source.forProbes == nil)
    }

    @Test func sessionsAreSparedTheBindWhileTheKernelChoosesTheAddress() {
        var source = SourceBinding(wanted)
        let isRight = source.note(chosen: .ipv4(0x0A00_0005, port: 40123))
        #expect(isRight)
        #expect(source.forSessions == nil)
        #expect(source.forProbes == nil)
    }

    @Test(arguments: [SocketAddress.ipv4(0x0A00_0006, port: 40123), nil])
    func onceItChoosesAnotherEverythingIsBound(chosen: SocketAddress?) {
        var source = SourceBinding(wanted)
        _ = source.note(chosen: wanted)
        let isRight = source.note(chosen: chosen)
        #expect(!isRight)
        // The bound probe that follows tells nothing of the kernel's choice.
        let isAccepted = source.note(chosen: wanted)
        #expect(isAccepted)
        #expect(source.forSessions == wanted)
        #expect(source.forProbes == wanted)
    }

    /// The kernel refuses a loopback source towards another machine: there it chooses by itself, for sessions and probes.
    @Test func aSourceThatCannotReachABackendIsNotUsedTowardsIt() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let near = SocketAddress.ipv4(0x7F00_0002, port: 80)
            let pool = Configuration.Pool(
                backends: [.init(address: .backend(0)), .init(address: near)], source: .ipv4(0x7F00_0001, port: 0))
            let shared = SharedRoster(
                try Configuration(listeners: [.init(address: .ipv4(0x7F00_0001, port: 20_000))], pools: [pool]))
            #expect(shared.current().targets.map(\.boundSource) == [nil, pool.sources.first])
            _ = try shared.apply(.move(TargetID(rawValue: 1), to: .backend(1)))
            _ = try shared.apply(.move(TargetID(rawValue: 0), to: near))
            #expect(shared.current().targets.map(\.boundSource) == [pool.sources.first, nil])
            let entry = shared.current().pools[0]
            let rhythm = ProbeRhythm(entry.targets[1].id, of: 2, interval: entry.settings.health.interval)
            var target = ProbedTarget(
                entry.targets[1], of: entry, rhythm: rhythm, timer: .none, due: Instant(nanoseconds: 0))
            let (wanted, isChecked) = (target.source.wanted, target.source.needsCheck)
            #expect(wanted == nil && !isChecked)
            target.move(to: near)
            let moved = target.source.wanted
            #expect(moved == pool.sources.first)
        }
    }

    @Test func withoutAWishNothingIsBound() {
        var source = SourceBinding(nil)
        let isRight = source.note(chosen: wanted)
        #expect(isRight)
        #expect(source.forSessions == nil)
        #expect(source.forProbes == nil)
    }
}
