import Reactor

/// Clients of a pool that wait in this loop for a place at a backend, in the order in which they came.
///
/// A client that leaves is forgotten at once: its token, wherever it stands, is of nobody from then on. Such tokens go with
/// those before them, or all at once when they are the most (``isMostlyGone``). No client has two.
struct PoolQueue {
    private var tokens: [Token] = []
    private var first = 0
    /// How many wait.
    private(set) var count = 0

    /// Room for so many tokens is kept when nobody waits.
    private static let roomKept = 1024
    /// So many tokens of nobody are no trouble.
    private static let gonesMax = 64

    /// The next client stands at the end.
    mutating func append(_ token: Token) {
        // Half of the room is of those that are gone.
        if first > Self.roomKept, first > tokens.count / 2 {
            tokens.removeSubrange(..<first)
            first = 0
        }
        tokens.append(token)
        count += 1
    }

    /// A client stands at the front: it has waited already.
    mutating func prepend(_ token: Token) {
        if first > 0 {
            first -= 1
            tokens[first] = token
        } else {
            tokens.insert(token, at: 0)
        }
        count += 1
    }

    /// One waits no more, wherever it stood.
    mutating func leave() {
        count -= 1
        guard count == 0 else { return }
        tokens.removeAll(keepingCapacity: tokens.capacity <= Self.roomKept)
        first = 0
    }

    /// Where tokens stand, the longest wait first; some are of nobody.
    var indices: Range<Int> { first..<tokens.count }

    subscript(index: Int) -> Token { tokens[index] }

    /// The first token; nil when there is none.
    var front: Token? { first < tokens.count ? tokens[first] : nil }

    /// Forgets the first token, which is of nobody.
    mutating func popFront() { first += 1 }

    /// Forgets a token, whose client waits no more; ``leave()`` has to follow.
    mutating func remove(at index: Int) {
        if index == first { popFront() } else { tokens.remove(at: index) }
    }

    /// Most tokens are of nobody: those are to be forgotten, so that looking for the next client costs what there are clients.
    var isMostlyGone: Bool { indices.count > 2 * count + Self.gonesMax }

    /// Forgets all tokens but those of clients who wait.
    mutating func keep(where isWaiting: (Token) -> Bool) {
        tokens = tokens[indices].filter(isWaiting)
        first = 0
    }
}
