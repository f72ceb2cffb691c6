/// Finds bytes in a stream that comes in pieces, without keeping the stream.
///
/// - Complexity: O(1) per byte of the stream, amortised (Knuth, Morris, Pratt 1977); O(pattern) of memory.
struct ByteSearch: Hashable, Sendable {
    let pattern: [UInt8]
    /// For each number of matched bytes the longest shorter match that ends with them.
    private let fallback: [Int]
    private var matched = 0
    /// They have come.
    private(set) var isFound: Bool

    init(_ pattern: [UInt8]) {
        self.pattern = pattern
        isFound = pattern.isEmpty
        var fallback = [Int](repeating: 0, count: pattern.count)
        var length = 0
        for place in pattern.indices.dropFirst() {
            while length > 0, pattern[place] != pattern[length] { length = fallback[length - 1] }
            if pattern[place] == pattern[length] { length += 1 }
            fallback[place] = length
        }
        self.fallback = fallback
    }

    /// Takes the next byte; what comes after the pattern is passed over.
    mutating func take(_ byte: UInt8) {
        guard !isFound else { return }
        while matched > 0, pattern[matched] != byte { matched = fallback[matched - 1] }
        if pattern[matched] == byte { matched += 1 }
        isFound = matched == pattern.count
    }
}
