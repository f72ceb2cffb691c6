/// Weights by place, and their sums: a place is drawn in proportion to its weight, and a weight changed, in O(log n).
///
/// A Fenwick tree (P. Fenwick, "A new data structure for cumulative frequency tables", 1994): entry `n` of `sums`, from 1,
/// is the sum of the weights of as many places up to `n` as the lowest bit of `n` says.
struct WeightSums: Hashable {
    private var weights: [Int32] = []
    private var sums: [UInt64] = []
    /// The sum of all weights.
    private(set) var total: UInt64 = 0
    /// The highest power of two that is not above the number of places.
    private var top = 0

    /// Begins with these weights, none of them negative.
    ///
    /// - Complexity: O(n).
    mutating func reset(_ weights: [Int32]) {
        self.weights = weights
        sums = [0] + weights.map { UInt64($0) }
        total = sums.reduce(0, +)
        for place in stride(from: 1, to: sums.count, by: 1) {
            let next = place + (place & -place)
            if next < sums.count { sums[next] += sums[place] }
        }
        top = weights.isEmpty ? 0 : 1 << (Int.bitWidth - 1 - weights.count.leadingZeroBitCount)
    }

    func weight(at place: Int) -> Int32 { weights[place] }

    /// Changes a weight.
    ///
    /// - Complexity: O(log n).
    mutating func set(_ weight: Int32, at place: Int) {
        guard weights[place] != weight else { return }
        // Modulo 2^64, so that a difference may be negative.
        let difference = UInt64(truncatingIfNeeded: Int(weight) - Int(weights[place]))
        weights[place] = weight
        total &+= difference
        var entry = place + 1
        while entry < sums.count {
            sums[entry] &+= difference
            entry += entry & -entry
        }
    }

    /// The sum of the weights before a place.
    ///
    /// - Complexity: O(log n).
    func sum(before place: Int) -> UInt64 {
        var sum: UInt64 = 0
        var entry = place
        while entry > 0 {
            sum += sums[entry]
            entry -= entry & -entry
        }
        return sum
    }

    /// The place to which the lot falls: the first of which the weights up to it and its own exceed `lot`, a number
    /// below ``total``.
    ///
    /// - Complexity: O(log n).
    func place(of lot: UInt64) -> Int {
        precondition(lot < total, "a lot is below the sum of all weights")
        var (place, left, step) = (0, lot, top)
        while step > 0 {
            if place + step < sums.count, sums[place + step] <= left {
                place += step
                left -= sums[place]
            }
            step /= 2
        }
        return place
    }
}
