import Reactor

/// A bounded pool of elements that are expensive to make and needed for a short time: made on demand, and kept for
/// reuse when they are returned.
///
/// Those that are kept are at most ``idleMax``, or half as many as are in use: while many are, they come and go, and each
/// that is freed would have to be made again. When fewer are in use the rest is freed.
struct RecyclePool<Element: ~Copyable>: ~Copyable {
    private var elements: Slab<Element>
    /// The places of elements not in use. The last returned is handed out first: it may still be in the cache.
    private var idle: [Int32] = []
    private let idleMax: Int
    /// How many elements are in use.
    private(set) var taken = 0

    /// `max`: the most elements at a time. `idleMax`: how many of them are kept while they are not in use.
    init(max: Int, idleMax: Int) {
        elements = Slab(capacity: max, reserving: min(max, idleMax))
        self.idleMax = min(idleMax, max)
        idle.reserveCapacity(self.idleMax)
    }

    /// How many there are, in use or not.
    var made: Int { elements.count }

    /// True while an element is at hand, so that `take` succeeds without making one: see ``prepare(_:)``.
    var hasRoom: Bool { !idle.isEmpty }

    /// Hands out an element, by its place: one that was kept, or a new one from `make`. nil when `max` elements are in
    /// use, or when `make` returns nil.
    mutating func take(_ make: () -> Element?) -> Int32? {
        guard let place = idle.popLast() ?? add(make) else { return nil }
        taken += 1
        return place
    }

    /// Makes an element ahead if none is at hand, and as far as `max` allows.
    mutating func prepare(_ make: () -> Element?) {
        if idle.isEmpty, let place = add(make) { idle.append(place) }
    }

    private mutating func add(_ make: () -> Element?) -> Int32? {
        guard !elements.isFull, let element = make() else { return nil }
        return elements.insert(element)?.index
    }

    /// Takes an element back for reuse, or frees it when enough are kept already.
    mutating func give(_ place: Int32) {
        taken -= 1
        idle.append(place)
        while idle.count > max(idleMax, taken / 2), let surplus = idle.popLast() { free(surplus) }
    }

    /// Takes an element back and frees it.
    mutating func discard(_ place: Int32) {
        taken -= 1
        free(place)
    }

    private mutating func free(_ place: Int32) {
        _ = elements.remove(at: Int(place))
    }

    /// The element at a place that was handed out.
    subscript(place: Int32) -> Element {
        _read { yield elements[Int(place)] }
    }
}
