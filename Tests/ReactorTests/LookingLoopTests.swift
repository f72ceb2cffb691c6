import Reactor
import Testing

/// What a loop asks of the kernel before it sleeps: see `LookOn`, which decides when.
@Suite struct LookingLoopTests {
    private static let event = Token(kind: 1, index: 1)

    /// A loop that has slept for as many waits as it takes until it tries looks.
    private static func run(_ body: (PlannedKernel, inout LoopCore) throws -> Void) throws {
        let kernel = PlannedKernel()
        try withScriptedKernel(kernel) {
            var core = try core()
            for _ in 0..<64 { try turn(&core, kernel, [.init(tokens: [event])]) }
            #expect(kernel.timeouts == Array(repeating: -1, count: 64))
            try body(kernel, &core)
        }
    }

    private static func core() throws -> LoopCore {
        try LoopCore(
            clock: .monotonic, timers: 2, ready: 2, eventsPerTurn: 4, lookOn: .microseconds(40),
            clockToken: Token(kind: 0, index: 0))
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

    /// 64 sleeps, then 64 looks that find something: what the loop does from then on follows from their processor time per
    /// event, however long they took by the clock.
    @Test(arguments: [
        // (nanoseconds of processor time, events) of a sleep and of a look
        (sleep: (20_000, 1), look: (20_000, 1), looks: true), (sleep: (20_000, 1), look: (30_000, 1), looks: false),
        (sleep: (20_000, 2), look: (15_000, 1), looks: false), (sleep: (20_000, 1), look: (30_000, 2), looks: true),
    ])
    func theCheaperWayIsKept(_ sleep: (UInt64, Int), _ look: (UInt64, Int), looks: Bool) throws {
        func wait(_ cost: (UInt64, Int), nanoseconds: UInt64) -> PlannedKernel.Wait {
            let tokens = Array(repeating: Self.event, count: cost.1)
            return .init(nanoseconds: nanoseconds, processorNanoseconds: cost.0, tokens: tokens)
        }
        let kernel = PlannedKernel()
        try withScriptedKernel(kernel) {
            var core = try Self.core()
            // By the clock the dearer way is the quicker one.
            let (slept, looked): (UInt64, UInt64) = looks ? (1_000, 30_000) : (90_000, 1_000)
            for _ in 0..<64 { try Self.turn(&core, kernel, [wait(sleep, nanoseconds: slept)]) }
            for _ in 0..<64 {
                let timeouts = try Self.turn(&core, kernel, [wait(look, nanoseconds: looked)])
                #expect(timeouts == [0])
            }
            let timeouts = try Self.turn(&core, kernel, [wait(look, nanoseconds: looked)])
            #expect(timeouts == [looks ? 0 : -1])
        }
    }
}
