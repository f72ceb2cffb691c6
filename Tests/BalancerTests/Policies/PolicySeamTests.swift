import Reactor
import Testing

@testable import Balancer

/// What a policy in a pool is told, and that nothing is copied for it.
@Suite struct PolicySeamTests {
    private static let count = 8

    private static func candidates() -> [Candidate] {
        (0..<UInt32(count)).map {
            Candidate(
                id: TargetID(rawValue: $0 + 100), place: Int32($0), weight: Int32($0) + 1, isUp: true,
                scoreKey: Candidate.scoreKey(of: "backend \($0)"))
        }
    }

    private static func request() -> PickRequest { PickRequest(tried: TriedTargets(), clientKey: 7) }

    /// The policy owns memory in two ways: an array, and a box in the heap. Each call changes both, and neither may be
    /// copied, although the value is too large for an existential to hold inline.
    @Test func aPolicyChangesItselfInPlace() {
        let watch = Watch()
        var pool = PoolState(id: PoolID(rawValue: 0), name: "default", policy: OwningPolicy(watch: watch))
        pool.replace(Self.candidates())
        for step in 0..<1000 {
            let place = pool.pick(for: Self.request())
            #expect(place == step % Self.count)
            pool.set(step % Self.count, sessions: 1)
            pool.set(step % Self.count, sessions: 0)
        }
        #expect(watch.calls == 3000)
        #expect(watch.arrays.count == 1)
        #expect(watch.boxes.count == 1)
        #expect(watch.boxCopies == 0)
        #expect(watch.candidates.count == 1)
        // No call has counted in a copy.
        #expect(watch.sum == 3000)
    }

    @Test func aPolicyIsToldOfEverything() {
        let watch = Watch()
        var pool = PoolState(id: PoolID(rawValue: 0), name: "default", policy: NotingPolicy(watch: watch))
        pool.replace(Self.candidates())
        pool.set(3, sessions: 1)
        pool.set(3, sessions: 2)
        pool.note(5, isUp: false)
        pool.note(5, isUp: true)
        pool.note(6, isSuspect: true)
        pool.note(6, isSuspect: true)
        pool.limit(3, 2, sessions: 2)
        _ = pool.pick(for: Self.request())
        pool.replace([])
        #expect(
            watch.calledWith == [
                "changed 8", "3: 1 sessions", "3: 2 sessions", "5: down", "5: 0 sessions", "6: suspect", "3: full",
                "pick for 7", "changed 0",
            ])
    }

    /// A policy is spared the calls per session unless it asks for them.
    @Test(arguments: [false, true]) func thePoolSaysWhetherItsPolicyFollowsSessions(follows: Bool) {
        let policy = NotingPolicy(watch: Watch(), followsSessions: follows)
        let pool = PoolState(id: PoolID(rawValue: 0), name: "default", policy: policy)
        #expect(pool.followsSessions == follows)
        let roundRobin = PoolState(id: PoolID(rawValue: 0), name: "default", policy: RoundRobin())
        #expect(!roundRobin.followsSessions as Bool)
    }

    @Test func candidatesShowWhatAnAlgorithmMayWeigh() {
        var pool = PoolState(id: PoolID(rawValue: 0), name: "default", policy: NotingPolicy(watch: Watch()))
        pool.replace(Self.candidates())
        pool.set(2, sessions: 2)
        pool.note(2, isSuspect: true)
        pool.note(4, isUp: false)
        let all = pool.candidates
        #expect(all[2].sessions == 2 && all[2].isSuspect && all[2].isUp)
        #expect(all[4].sessions == 0 && !all[4].isUp && !all[4].isSuspect)
        #expect(all.map(\.weight) == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(all.map(\.id.rawValue) == (100..<108).map { $0 })
        // A verdict of the probes replaces the suspicion of a failed connect.
        pool.note(2, isUp: true)
        let isStillSuspect = pool.candidates[2].isSuspect
        #expect(!isStillSuspect)
    }

    /// Fixed for all time: a client must find the same backend after an upgrade, and in all processes. The numbers are
    /// those of FNV-1a with 64 bits (draft-eastlake-fnv-21, appendix C, for the empty text, "a" and "foobar").
    @Test(
        arguments: [
            ("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8),
        ] as [(String, UInt64)])
    func theScoreKeyIsFixed(name: String, key: UInt64) {
        #expect(Candidate.scoreKey(of: name) == key)
    }
}

/// Which calls the policies of these tests got, and where their memory was.
private final class Watch: @unchecked Sendable {
    // Unchecked: one test, one thread.
    var calledWith: [String] = []
    var calls = 0
    var sum = 0
    var arrays: Set<UInt> = []
    var boxes: Set<ObjectIdentifier> = []
    var boxCopies = 0
    var candidates: Set<UInt> = []
}

/// Round robin that counts in an array and in a box which it copies when another has it too, as every value with a
/// buffer does. Larger than the three words that an existential holds inline.
private struct OwningPolicy: Policy {
    final class Box: @unchecked Sendable {
        var count = 0
    }

    let watch: Watch
    var followsSessions: Bool { true }
    var counts = [Int](repeating: 0, count: 100)
    var box = Box()
    var padding: (Int, Int, Int) = (0, 0, 0)

    private mutating func change(_ candidates: Span<Candidate>) {
        counts[watch.calls % counts.count] += 1
        if !isKnownUniquelyReferenced(&box) {
            watch.boxCopies += 1
            box = Box()
        }
        box.count += 1
        watch.calls += 1
        watch.sum = counts.reduce(0, +)
        unsafe counts.withUnsafeBufferPointer { _ = watch.arrays.insert(UInt(bitPattern: $0.baseAddress)) }
        watch.boxes.insert(ObjectIdentifier(box))
        unsafe candidates.withUnsafeBufferPointer { _ = watch.candidates.insert(UInt(bitPattern: $0.baseAddress)) }
    }

    mutating func pick(from candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        change(candidates)
        return (watch.calls - 1) / 3 % candidates.count
    }

    mutating func candidateChanged(_ place: Int, of candidates: Span<Candidate>) { change(candidates) }
}

/// Notes each call and what the candidates show at that moment.
private struct NotingPolicy: Policy {
    let watch: Watch
    var followsSessions = true

    mutating func pick(from candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        watch.calledWith.append("pick for \(request.clientKey)")
        return nil
    }

    mutating func candidateChanged(_ place: Int, of candidates: Span<Candidate>) {
        let candidate = candidates[place]
        let what =
            !candidate.isUp
            ? "down" : candidate.isFull ? "full" : candidate.isSuspect ? "suspect" : "\(candidate.sessions) sessions"
        watch.calledWith.append("\(place): \(what)")
    }

    mutating func candidatesChanged(_ candidates: Span<Candidate>) {
        watch.calledWith.append("changed \(candidates.count)")
    }
}
