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

    @Test func withoutAWishNothingIsBound() {
        var source = SourceBinding(nil)
        let isRight = source.note(chosen: wanted)
        #expect(isRight)
        #expect(source.forSessions == nil)
        #expect(source.forProbes == nil)
    }
}
