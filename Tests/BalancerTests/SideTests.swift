import Glibc
import Reactor
import Testing

@testable import Balancer

/// Every cell of the table at the top of ``Side``: each row from each state that a side can be in.
@Suite struct SideTests {
    /// What a side knows.
    struct State: Hashable, CustomStringConvertible {
        var readable = false
        var writable = false
        var unsettled = false
        var reset = false
        var ended = false
        var broken = false

        init() {}

        init(_ side: borrowing Side) {
            readable = side.isReadable
            writable = side.isWritable
            unsettled = side.isUnsettled
            reset = side.isReset
            ended = side.hasEnded
            broken = side.isBroken
        }

        var description: String {
            let names = [
                (readable, "readable"), (writable, "writable"), (unsettled, "unsettled"), (reset, "reset"),
                (ended, "ended"), (broken, "broken"),
            ]
            return "[" + names.filter(\.0).map(\.1).joined(separator: " ") + "]"
        }
    }

    /// A row of the table: what happens, and what it makes of a state.
    struct Row: Sendable {
        let name: String
        let happen: @Sendable (inout Side, SimulatedKernel, borrowing Pipe) -> Void
        let expect: @Sendable (inout State) -> Void
    }

    // MARK: the rows

    private static func report(
        _ name: String, _ readiness: Readiness, _ expect: @escaping @Sendable (inout State) -> Void
    ) -> Row {
        Row(name: "reported: \(name)", happen: { side, _, _ in side.note(readiness) }, expect: expect)
    }

    /// A read of at most 8 bytes that comes to `answer`.
    private static func read(
        _ name: String, _ answer: Int, _ expect: @escaping @Sendable (inout State) -> Void
    ) -> Row {
        Row(
            name: "read: \(name)",
            happen: { side, kernel, _ in
                kernel.answers = [answer]
                var buffer: UInt64 = 0
                _ = unsafe withUnsafeMutableBytes(of: &buffer) { unsafe side.receive(into: $0) }
            }, expect: expect)
    }

    private static func spliceIn(
        _ name: String, _ answer: Int, _ expect: @escaping @Sendable (inout State) -> Void
    ) -> Row {
        Row(
            name: "splice into a pipe: \(name)",
            happen: { side, kernel, pipe in
                kernel.answers = [answer]
                _ = side.splice(into: pipe, atMost: 8)
            }, expect: expect)
    }

    /// A write of 8 bytes that comes to `answer`.
    private static func write(
        _ name: String, _ answer: Int, _ expect: @escaping @Sendable (inout State) -> Void
    ) -> Row {
        Row(
            name: "write: \(name)",
            happen: { side, kernel, _ in
                kernel.answers = [answer]
                let bytes: UInt64 = 0
                _ = unsafe withUnsafeBytes(of: bytes) { unsafe side.send($0) }
            }, expect: expect)
    }

    private static func spliceOut(
        _ name: String, _ answer: Int, _ expect: @escaping @Sendable (inout State) -> Void
    ) -> Row {
        Row(
            name: "splice from a pipe: \(name)",
            happen: { side, kernel, pipe in
                kernel.answers = [answer]
                _ = side.splice(from: pipe, count: 8)
            }, expect: expect)
    }

    private static let nothing: @Sendable (inout State) -> Void = { _ in }

    private static let readFailed: @Sendable (inout State) -> Void = {
        $0.readable = false
        $0.ended = true
        $0.broken = true
    }

    private static let writeFailed: @Sendable (inout State) -> Void = {
        $0.readable = !$0.ended
        $0.unsettled = true
        $0.broken = true
    }

    static let rows: [Row] = [
        report("readable", .readable) { $0.readable = !$0.ended },
        report("writable", .writable) { $0.writable = true },
        report("read hangup", .readHangup) {
            $0.readable = !$0.ended
            $0.unsettled = true
        },
        report("hangup", .hangup) {
            $0.readable = !$0.ended
            $0.writable = true
            $0.unsettled = true
        },
        report("error", .error) {
            $0.readable = !$0.ended
            $0.writable = true
            $0.unsettled = true
            $0.reset = true
        },
        report("urgent", .urgent) {
            $0.readable = !$0.ended
            $0.unsettled = true
        },
        Row(
            name: "error asked for",
            happen: { side, _, _ in side.markReset(Errno(rawValue: ECONNRESET)) },
            expect: {
                $0.readable = !$0.ended
                $0.unsettled = true
                $0.reset = true
                $0.broken = true
            }),
        read("all", 8, nothing),
        read("fewer", 7) { $0.readable = $0.readable && $0.unsettled },
        read("EAGAIN", -Int(EAGAIN)) { $0.readable = false },
        read("end", 0) {
            $0.readable = false
            $0.ended = true
        },
        read("error", -Int(ECONNRESET), readFailed),
        spliceIn("some", 3, nothing),
        spliceIn("EAGAIN", -Int(EAGAIN)) { $0.readable = false },
        spliceIn("0", 0, nothing),
        spliceIn("refused", -Int(EINVAL), nothing),
        spliceIn("error", -Int(ECONNRESET), readFailed),
        write("all", 8, nothing),
        write("fewer", 7) { $0.writable = false },
        write("EAGAIN", -Int(EAGAIN)) { $0.writable = false },
        write("error", -Int(EPIPE), writeFailed),
        spliceOut("some", 3, nothing),
        spliceOut("EAGAIN", -Int(EAGAIN)) { $0.writable = false },
        spliceOut("0", 0, writeFailed),
        spliceOut("error", -Int(EPIPE), writeFailed),
    ]

    // MARK: the walk

    private func withKernel<Result>(_ body: (SimulatedKernel, borrowing Pipe) throws -> Result) throws -> Result {
        let kernel = SimulatedKernel(seed: 1, clients: 0, faults: .init())
        return try withScriptedKernel(kernel) { try body(kernel, try Pipe(bytes: 64)) }
    }

    private func makeSide(_ kernel: SimulatedKernel, isUnix: Bool) -> Side {
        let socket = kernel.allocate(.socket(kernel.makeSocket()))
        return Side(stream: Stream(FileDescriptor(owning: socket)), hasNoDelay: true, isUnix: isUnix)
    }

    /// From a fresh side on, each state that was found is left by each row, until no new state is found.
    @Test(arguments: [false, true]) func everyRowFromEveryState(isUnix: Bool) throws {
        try withKernel { kernel, pipe in
            let fresh = State(makeSide(kernel, isUnix: isUnix))
            // The rows that lead to each state.
            var paths: [State: [Int]] = [fresh: []]
            var open = [fresh]
            while let state = open.popLast() {
                for row in Self.rows.indices {
                    var side = makeSide(kernel, isUnix: isUnix)
                    for step in paths[state] ?? [] { Self.rows[step].happen(&side, kernel, pipe) }
                    try #require(State(side) == state)
                    Self.rows[row].happen(&side, kernel, pipe)
                    let after = State(side)
                    var expected = state
                    Self.rows[row].expect(&expected)
                    #expect(after == expected, "\(Self.rows[row].name), from \(state)")
                    // What must not be, however it came about: both would spin or wait for ever.
                    #expect(!(after.ended && after.readable), "\(Self.rows[row].name), from \(state)")
                    #expect(!(after.reset && !after.unsettled), "\(Self.rows[row].name), from \(state)")
                    if paths[after] == nil {
                        paths[after] = (paths[state] ?? []) + [row]
                        open.append(after)
                    }
                }
            }
            // Six bits, without those combinations that the rows rule out: what has ended is not readable, what was reset
            // is unsettled, and what is broken is unsettled or has ended.
            #expect(paths.count == (isUnix ? 24 : 32))
        }
    }

    @Test func aUnixSocketIsUnsettledFromTheStart() throws {
        try withKernel { kernel, _ in
            #expect(State(makeSide(kernel, isUnix: false)) == State())
            var expected = State()
            expected.unsettled = true
            #expect(State(makeSide(kernel, isUnix: true)) == expected)
        }
    }

    @Test func theFirstFailureIsKept() throws {
        try withKernel { kernel, pipe in
            var side = makeSide(kernel, isUnix: false)
            side.markReset(Errno(rawValue: ECONNRESET))
            kernel.answers = [-Int(EPIPE)]
            _ = side.splice(from: pipe, count: 8)
            #expect(side.failure == Errno(rawValue: ECONNRESET))
        }
    }
}
