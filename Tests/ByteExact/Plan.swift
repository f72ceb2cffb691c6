import Reactor

/// Which sessions are begun, and when: from a seed, or one session alone.
struct Plan {
    /// Sessions of each kind at a time.
    static func places(_ kind: Script.Kind) -> Int {
        switch kind {
        case .quick: 24
        case .slow: 96
        case .endless: 1
        }
    }

    /// Scripts that are looked at in a turn for one that fits into what is left of the run.
    private static let triesMax = 64
    /// A quick session may be begun this long before the end.
    private static let lastBegin = Duration.seconds(1)

    let seed: UInt64
    /// The run lasts so long.
    let seconds: Int
    /// Only this session, so often.
    let only: Int?
    let times: Int
    private let slowBytesMax = KernelMemory.bytesForSlowReaders

    private var end = Instant(nanoseconds: 0)
    /// The next number of each kind.
    private var next: [Int] = []
    private var begun = 0

    init(seed: UInt64, seconds: Int, only: Int?, times: Int) {
        self.seed = seed
        self.seconds = seconds
        self.only = only
        self.times = times
        next = Script.Kind.allCases.map { Self.first($0, from: 0) }
    }

    /// The kinds of session that the run has.
    var kinds: [Script.Kind] { only.map { [Script.kind(of: $0)] } ?? Script.Kind.allCases }

    mutating func start(now: Instant) { end = now + .seconds(seconds) }

    /// True when no session will be begun any more.
    func isOver(now: Instant) -> Bool {
        only != nil ? begun == times : now + Self.lastBegin > end
    }

    /// The next session of a kind that ends within the run; nil when there is none at present. `active`: how many there
    /// are of that kind, and how many bytes they have to send.
    mutating func take(_ kind: Script.Kind, active: (count: Int, bytes: Int), now: Instant) -> (
        number: Int, script: Script
    )? {
        if let only {
            guard begun < times, active.count == 0 else { return nil }
            begun += 1
            return (only, Script(seed: seed, session: only))
        }
        guard active.count < Self.places(kind), kind != .slow || active.bytes < slowBytesMax else { return nil }
        for _ in 0..<Self.triesMax where !isOver(now: now) {
            let number = next[kind.rawValue]
            next[kind.rawValue] = Self.first(kind, from: number + 1)
            let script = Script(seed: seed, session: number)
            if now + .seconds(script.seconds) + Self.lastBegin < end { return (number, script) }
        }
        return nil
    }

    private static func first(_ kind: Script.Kind, from number: Int) -> Int {
        var number = number
        while Script.kind(of: number) != kind { number += 1 }
        return number
    }
}
