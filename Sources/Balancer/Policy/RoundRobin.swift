/// Each backend in its turn. One that is not eligible is skipped and keeps no claim.
public struct RoundRobin: Hashable, Sendable {
    /// The place whose turn is next. It may lie past the end when backends have left meanwhile.
    private var next: Int

    /// Starts with the place `start`.
    public init(start: Int = 0) {
        next = start
    }

    /// The first eligible place from the one whose turn it is; the turn passes to the place after it.
    public mutating func pick(_ count: Int, where isEligible: (Int) -> Bool) -> Int? {
        for step in 0..<count {
            let place = (next + step) % count
            if isEligible(place) {
                next = (place + 1) % count
                return place
            }
        }
        return nil
    }
}
