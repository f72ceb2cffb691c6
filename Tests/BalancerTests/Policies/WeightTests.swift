import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Turns by weight, and backups.
@Suite struct WeightTests {
    private static func candidates(_ weights: [Int32], backups: Set<Int> = []) -> [Candidate] {
        weights.enumerated().map { place, weight in
            Candidate(
                id: TargetID(rawValue: UInt32(place)), place: Int32(place), weight: weight, isUp: weight > 0,
                isBackup: backups.contains(place), scoreKey: 0)
        }
    }

    private static func policy(_ candidates: [Candidate], share: Double = 0) -> RoundRobin {
        var policy = RoundRobin(share: share)
        policy.candidatesChanged(candidates.span)
        return policy
    }

    private static func picks(
        _ count: Int, _ policy: inout RoundRobin, _ candidates: [Candidate], tried: [Int] = []
    ) -> [Int] {
        var set = TriedTargets()
        for place in tried { set.insert(place) }
        return (0..<count).compactMap { _ in
            policy.pick(from: candidates.span, for: PickRequest(tried: set, clientKey: 0))
        }
    }

    /// The order that nginx's documentation of the algorithm gives, and no backend many times in a row.
    @Test func turnsOfTheHeavyAreSpread() {
        let all = Self.candidates([5, 1, 1])
        var policy = Self.policy(all)
        #expect(Self.picks(14, &policy, all) == [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0])
        let two = Self.candidates([1, 2])
        policy = Self.policy(two)
        #expect(Self.picks(6, &policy, two) == [1, 0, 1, 1, 0, 1])
    }

    /// In each round of as many picks as the weights add up to, every backend has as many as its weight.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func everyRoundHasTheWeights(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let weights = (0..<Int.random(in: 2...9, using: &random)).map { _ in Int32.random(in: 0...20, using: &random) }
        let all = Self.candidates(weights)
        var policy = Self.policy(all, share: Double.random(in: 0..<1, using: &random))
        // Equal weights would have their plain turns, whose round is shorter.
        guard Set(weights.filter { $0 > 0 }).count > 1 else { return }
        for _ in 0..<3 {
            let picks = Self.picks(Int(weights.reduce(0, +)), &policy, all)
            #expect(all.indices.map { place in Int32(picks.count { $0 == place }) } == weights)
        }
    }

    /// Whatever goes up and down, and comes back: the turns are those that they have without weights.
    @Test(arguments: [1, 3, 256] as [Int32]) func equalWeightsHaveThePlainTurns(weight: Int32) {
        var random = SeededGenerator(seed: 7)
        var plain = Self.candidates([1, 1, 1, 1, 1])
        var all = Self.candidates([weight, weight, weight, weight, weight, 0])
        var (first, second) = (Self.policy(plain), Self.policy(all))
        for _ in 0..<1000 {
            let place = Int.random(in: 0..<5, using: &random)
            plain[place].isUp.toggle()
            all[place].isUp.toggle()
            let tried = Bool.random(using: &random) ? [Int.random(in: 0..<5, using: &random)] : []
            #expect(
                Self.picks(1, &first, plain, tried: tried) == Self.picks(1, &second, all, tried: tried))
        }
    }

    /// Those of the others, and their own while they are needed: what is not picked counts for nothing.
    @Test func weightsOfBackupsDecideOnlyAmongBackups() {
        var random = SeededGenerator(seed: 11)
        var plain = Self.candidates([1, 1, 1])
        var all = Self.candidates([1, 1, 1, 9, 9], backups: [3, 4])
        for place in 3...4 { all[place].isUp = false }
        var (first, second) = (Self.policy(plain), Self.policy(all))
        for _ in 0..<200 {
            let place = Int.random(in: 0..<3, using: &random)
            plain[place].isUp.toggle()
            all[place].isUp.toggle()
            #expect(Self.picks(1, &first, plain) == Self.picks(1, &second, all))
        }
        var backups = Self.candidates([1, 1, 5, 1], backups: [2, 3])
        for place in 0...1 { backups[place].isUp = false }
        var policy = Self.policy(backups)
        #expect(Self.picks(12, &policy, backups).count { $0 == 2 } == 10)
    }

    @Test func sessionsThatComeBackCostNoTurn() {
        let all = Self.candidates([3, 1, 1])
        var (policy, undisturbed) = (Self.policy(all), Self.policy(all))
        var again: [Int] = []
        for _ in 0..<20 {
            #expect(Self.picks(1, &policy, all) == Self.picks(1, &undisturbed, all))
            again += Self.picks(1, &policy, all, tried: [0])
        }
        #expect(again.count { $0 == 1 } == 10 && again.count { $0 == 2 } == 10)
    }

    @Test func oneThatIsDownLeavesItsShareToTheOthers() {
        var all = Self.candidates([4, 2, 1])
        var policy = Self.policy(all)
        all[0].isUp = false
        policy.candidateChanged(0, of: all.span)
        #expect(Self.picks(300, &policy, all).count { $0 == 1 } == 200)
        all[0].isUp = true
        policy.candidateChanged(0, of: all.span)
        #expect(Self.picks(70, &policy, all).count { $0 == 0 } == 40)
    }

    /// A backend that had many turns does not pay for them when its weight has become small, or the others' has.
    @Test func nobodyWaitsForLongAfterAChange() {
        let before = Self.candidates([1, 256])
        var policy = Self.policy(before)
        while Self.picks(1, &policy, before) != [0] {}
        let after = Self.candidates([1, 2])
        policy.candidatesChanged(after.span)
        #expect(Self.picks(6, &policy, after).contains(0))
    }

    /// A change of other backends disturbs no round: those that stay keep what they are owed.
    @Test func aChangeBeginsNoNewRound() {
        let all = Self.candidates([5, 1, 1])
        let more = Self.candidates([5, 1, 1, 0])
        var (policy, undisturbed) = (Self.policy(all), Self.policy(all))
        for turn in 0..<21 {
            policy.candidatesChanged((turn % 2 == 0 ? more : all).span)
            let now = turn % 2 == 0 ? more : all
            #expect(Self.picks(1, &policy, now) == Self.picks(1, &undisturbed, all), "turn \(turn)")
        }
    }

    @Test func eachLoopStartsElsewhere() {
        let all = Self.candidates([1, 2, 2])
        let firsts = (0..<3).map { loop in
            var policy = Self.policy(all, share: Double(loop) / 3)
            return Self.picks(1, &policy, all)[0]
        }
        #expect(firsts == [1, 1, 2])
    }

    /// Weights count among those that are picked together: backups have turns of their own.
    @Test func weightsOfBackupsAreTheirOwn() {
        var all = Self.candidates([1, 1, 5, 5], backups: [2, 3])
        for place in 2...3 { all[place].isUp = false }
        var policy = Self.policy(all)
        all[0].isUp = false
        #expect(Self.picks(2, &policy, all) == [1, 1])
        all[0].isUp = true
        // The plain turns, in which the one that was down has lost its turn.
        #expect(Self.picks(3, &policy, all) == [0, 1, 0])
    }

    // MARK: backups

    private static func stage(
        _ backups: Set<Int>, of count: Int, _ body: (inout TargetsStage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try TargetsStage(backends: count) {
                .init(address: .backend($0), weight: 1, isBackup: backups.contains($0))
            }
            try body(&stage)
        }
        #expect(kernel.descriptors.isEmpty)
    }

    private static func addresses(_ count: Int, _ stage: inout TargetsStage) -> [SocketAddress] {
        (0..<count).compactMap { _ in stage.pick().map { stage.address($0) } }
    }

    /// Whoever learns it: by a finding alone, and by a change of backends.
    @Test func backupsServeWhileNobodyElseDoes() throws {
        try Self.stage([1, 3], of: 4) { stage in
            #expect(Self.addresses(4, &stage) == [.backend(0), .backend(2), .backend(0), .backend(2)])
            stage.judge(0, isUp: false)
            #expect(Self.addresses(2, &stage) == [.backend(2), .backend(2)])
            stage.judge(2, isUp: false)
            #expect(Set(Self.addresses(2, &stage)) == [.backend(1), .backend(3)])
            stage.judge(3, isUp: false)
            #expect(Self.addresses(2, &stage) == [.backend(1), .backend(1)])
            stage.judge(1, isUp: false)
            let reason = stage.refuse()
            #expect(reason == .noBackend)
            stage.judge(1, isUp: true)
            stage.judge(0, isUp: true)
            #expect(Self.addresses(2, &stage) == [.backend(0), .backend(0)])
            // Not its health, but the operator takes it out.
            try stage.change(.weigh(TargetsStage.id(0), 0))
            #expect(Self.addresses(2, &stage) == [.backend(1), .backend(1)])
            try stage.change(.add(.init(address: .backend(9)), to: PoolID(rawValue: 0)))
            #expect(Self.addresses(2, &stage) == [.backend(9), .backend(9)])
            try stage.change(.remove(TargetsStage.id(4)))
            #expect(Self.addresses(2, &stage) == [.backend(1), .backend(1)])
        }
    }

    /// Several findings in one revision, in which the only one that is no backup goes down and a backup moves.
    @Test func findingsThatComeTogether() throws {
        try Self.stage([1], of: 2) { stage in
            stage.find(0) { $0.isUp = false }
            stage.find(1) { $0.address = .backend(8) }
            stage.targets.adopt(&stage.core, &stage.journal)
            #expect(Self.addresses(2, &stage) == [.backend(8), .backend(8)])
            stage.find(1) { $0.address = .backend(9) }
            stage.find(0) { $0.isUp = true }
            stage.targets.adopt(&stage.core, &stage.journal)
            #expect(Self.addresses(2, &stage) == [.backend(0), .backend(0)])
        }
    }

    // MARK: labels

    @Test func aLabelIsTheBackendsName() throws {
        let address = SocketAddress.ipv4(0x0A00_0005, port: 80)
        let backend = Configuration.Backend(address: address, label: "a1")
        #expect(backend.title == "a1" && Configuration.Backend(address: address).title == "10.0.0.5:80")
        // One address may be two backends, and one label is one.
        let others = [Configuration.Backend(address: address, label: "a2"), .init(address: address)]
        let pool = Configuration.Pool(backends: [backend] + others)
        let listener = Configuration.ListenerSettings(address: .ipv4(0x7F00_0001, port: 1))
        let roster = SharedRoster(try Configuration(listeners: [listener], pools: [pool])).current()
        #expect(roster.targets.map(\.name) == ["a1", "a2", "10.0.0.5:80"])
        #expect(throws: ConfigurationError("backend a1 is named twice: name each once")) {
            try Configuration(
                listeners: [listener],
                pools: [.init(backends: [backend, .init(address: .ipv4(1, port: 1), label: "a1")])])
        }
    }

    @Test(arguments: ["", "a b", "a\nb", "a\u{2028}b", "a=b", "\"a\"", String(repeating: "a", count: 129)])
    func aLabelCannotLookLikeAnythingElse(label: String) {
        #expect(throws: ConfigurationError.self) {
            try Configuration.staged(backends: 1, backend: { .init(address: .backend($0), label: label) })
        }
    }

    @Test(arguments: [-1, Limits.weightMax + 1]) func aWeightHasBounds(weight: Int32) {
        #expect(throws: ConfigurationError("backend a1: weight \(weight): it must be 0 to 256")) {
            try Configuration.staged(
                backends: 1, backend: { .init(address: .backend($0), label: "a1", weight: weight) })
        }
    }

    @Test func linesHaveTheLabel() throws {
        let pipe = try Pipe()
        var log = EventLog(
            .sessions, output: OutputStream(number: pipe.inputNumber), errors: OutputStream(number: pipe.inputNumber))
        var record = SessionRecord.none
        record.backend = .backend(1)
        record.label = "a1"
        log.sessionEnded(record) { 0 }
        log.probeFailed(
            .label("a1", .address(.backend(1))), named: nil, .timeout, .bad(changed: true), fall: 4)
        log.flush()
        let text = String(decoding: pipe.read(atMost: 4096), as: UTF8.self)
        #expect(text.contains(" backend=a1 address=10.1.0.1:80 up=0"))
        #expect(text.contains("probe of a1 at 10.1.0.1:80 failed, 1 in a row"))
    }
}
