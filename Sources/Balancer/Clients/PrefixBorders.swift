/// For each address of a family yes or no, as the longest prefix that it begins with says.
///
/// The prefixes are flattened: `borders` are the addresses, from the lowest, at which the answer changes. Whether their
/// number up to an address is odd is the answer, so that nothing else has to be kept, and two of the same meaning are
/// equal, whatever they were made from.
///
/// ```
///   10.0.0.0/8 yes, 10.1.0.0/16 no:     0.0.0.0 ..  10.0.0.0 ..  10.1.0.0 ..  10.2.0.0 ..  11.0.0.0 ..
///                                          no          yes          no           yes          no
/// ```
///
/// Of n networks there are at most 2 n borders, of 4 bytes (IPv4) or 16 (IPv6).
struct PrefixBorders<Address: FixedWidthInteger & UnsignedInteger & Sendable>: Hashable, Sendable {
    /// A prefix and its answer.
    struct Rule {
        let first: Address
        let length: Int
        let answer: Bool

        var last: Address { first | Network.hostMask(Address.self, length) }
    }

    /// The answer below the first border.
    private let lowest: Bool
    private let borders: ContiguousArray<Address>

    /// - Parameter other: The answer for addresses that no rule is for.
    /// - Complexity: O(n log n) for n rules. Of several for one prefix a `false` decides.
    init(_ rules: [Rule], other: Bool) {
        var flattening = Flattening(other: other)
        // A shorter prefix, which holds the longer ones, comes first; of the same prefix the one that decides is last.
        let sorted = rules.sorted {
            ($0.first, $0.length, $0.answer ? 0 : 1) < ($1.first, $1.length, $1.answer ? 0 : 1)
        }
        for rule in sorted { flattening.add(rule) }
        (lowest, borders) = flattening.end()
    }

    /// True when the answer is the same for all addresses: this one.
    var isEverywhere: Bool? { borders.isEmpty ? lowest : nil }

    /// The answer for an address.
    ///
    /// - Complexity: O(log n), without an allocation.
    @inline(__always) subscript(_ address: Address) -> Bool {
        var (base, count) = (0, borders.count)
        guard count > 0 else { return lowest }
        while count > 1 {
            let half = count / 2
            // By arithmetic: a branch here would be foreseen wrongly every second time.
            let isBelow = borders[base &+ half] <= address ? 1 : 0
            base &+= half & (0 &- isBelow)
            count &-= half
        }
        // `base` is the last border up to the address, or the first one when all are above it.
        let isOdd = (base & 1 == 0) == (borders[base] <= address)
        return isOdd != lowest
    }
}

extension PrefixBorders {
    /// The sweep over sorted rules. Prefixes lie one in another or apart, so those that are open form a stack.
    private struct Flattening {
        private var open: [Rule] = []
        private let other: Bool
        private var lowest: Bool
        private var current: Bool
        private var borders = ContiguousArray<Address>()

        init(other: Bool) {
            self.other = other
            (lowest, current) = (other, other)
        }

        mutating func add(_ rule: Rule) {
            while let inner = open.last, inner.last < rule.first { close(inner) }
            open.append(rule)
            change(at: rule.first, to: rule.answer)
        }

        private mutating func close(_ rule: Rule) {
            open.removeLast()
            let answer = open.last?.answer ?? other
            // Behind the last address there is none.
            if rule.last < Address.max { change(at: rule.last + 1, to: answer) }
        }

        private mutating func change(at address: Address, to answer: Bool) {
            guard answer != current else { return }
            current = answer
            if address == 0 {
                lowest = answer
            } else if borders.last == address {
                // The answer is again what it was below.
                borders.removeLast()
            } else {
                borders.append(address)
            }
        }

        mutating func end() -> (lowest: Bool, borders: ContiguousArray<Address>) {
            while let inner = open.last { close(inner) }
            return (lowest, borders)
        }
    }
}
