import Reactor
import Testing

/// What a loop asks of the kernel before it sleeps: see `LookOn`, which decides when.
@Suite struct LookingLoopTests {
    private static let event = Token(kind: 1, index: 1)

    /// A loop that has slept for as many waits as it takes until it tries looks.
    private static func run(_ body: (PlannedKernel, inout LoopCore) throws -> Void) throws {
        let kernel = PlannedKernel()
        try withScriptedKernel(kernel) {
            var core = try LoopCore(
                clock: .monotonic, timers: 2, ready: 2, eventsPerTurn: 4, lookOn: .microseconds(40),
                clockToken: Token(kind: 0, index: 0))
            for _ in 0..<64 { try turn(&core, kernel, [.init(tokens: [event])]) }
            #expect(kernel.timeouts == Array(repeating: -1, count: 64))
            try body(kernel, &core)
        }
    }

    /// A turn in which the kernel is asked as planned; returns the timeouts it was asked with.
    @discardableResult private static func turn(
        _ core: inout LoopCore, _ kernel: PlannedKernel, _ waits: [PlannedKernel.Wait]
    ) throws -> [CInt] {
        let before = kernel.timeouts.count
        kernel.waits = waits
        try core.beginTurn(.never)
        core.endTurn()
        return Array(kernel.timeouts[before...])
    }

    @Test func anEventThatALookFindsNeedsNoSleep() throws {
        try Self.run { kernel, core in
            let timeouts = try Self.turn(
                &core, kernel, [.init(nanoseconds: 9_000), .init(nanoseconds: 9_000, tokens: [Self.event])])
            #expect(timeouts == [0, 0])
            let hadEvents = core.hadEvents
            #expect(hadEvents)
        }
    }

    @Test func aLookInVainEndsInASleep() throws {
        try Self.run { kernel, core in
            let looks = Array(repeating: PlannedKernel.Wait(nanoseconds: 10_000), count: 4)
            let timeouts = try Self.turn(&core, kernel, looks + [.init(tokens: [Self.event])])
            #expect(timeouts == [0, 0, 0, 0, -1])
        }
    }

    @Test func aClockThatStandsStillDoesNotHoldALook() throws {
        try Self.run { kernel, core in
            let timeouts = try Self.turn(&core, kernel, [])
            #expect(timeouts == Array(repeating: 0, count: 401) + [-1])
        }
    }

    @Test func anInterruptedLookIsTheTurnsPoll() throws {
        try Self.run { kernel, core in
            let timeouts = try Self.turn(&core, kernel, [.init(isInterrupted: true)])
            #expect(timeouts == [0])
            let wasInterrupted = core.events.wasInterrupted
            #expect(wasInterrupted)
        }
    }

    @Test func bulkTransfersAreNotLookedFor() throws {
        try Self.run { kernel, core in
            core.sleepNext()
            var timeouts = try Self.turn(&core, kernel, [.init(tokens: [Self.event])])
            #expect(timeouts == [-1])
            timeouts = try Self.turn(&core, kernel, [.init(tokens: [Self.event])])
            #expect(timeouts == [0])
        }
    }

    @Test func aLoopWithMoreToDoPollsOnce() throws {
        try Self.run { kernel, core in
            core.ready.append(Self.event)
            let timeouts = try Self.turn(&core, kernel, [])
            #expect(timeouts == [0])
        }
    }
}
