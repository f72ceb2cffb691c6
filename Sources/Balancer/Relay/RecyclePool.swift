import Reactor

/// Things that are costly to make and wanted for a moment: bounded in number, made when wanted, kept for the next.
struct RecyclePool<Element: ~Copyable>: ~Copyable {
    private var elements: Slab<Element>
    /// Places of those that nobody uses, last given back first.
    private var idle: [Int32] = []
    private let idleMax: Int
    /// How many are in use.
    private(set) var taken = 0

    /// At most `max` in all, of which at most `idleMax` are kept while nobody uses them.
    init(max: Int, idleMax: Int) {
        elements = Slab(capacity: max)
        self.idleMax = min(idleMax, max)
        idle.reserveCapacity(self.idleMax)
    }

    /// True while not all are in use.
    var hasRoom: Bool { taken < elements.capacity }

    /// Hands out one, by its place: one that was kept, or the one that `make` makes. nil when all are in use, or when
    /// `make` had none.
    mutating func take(_ make: () -> Element?) -> Int32? {
        guard let place = idle.popLast() ?? add(make) else { return nil }
        taken += 1
        return place
    }

    private mutating func add(_ make: () -> Element?) -> Int32? {
        guard hasRoom, let element = make() else { return nil }
        return elements.insert(element)?.index
    }

    /// Takes one back that can be used again.
    mutating func give(_ place: Int32) {
        guard idle.count < idleMax else { return discard(place) }
        taken -= 1
        idle.append(place)
    }

    /// Takes one back that is of no more use.
    mutating func discard(_ place: Int32) {
        taken -= 1
        _ = elements.remove(at: Int(place))
    }

    /// The one at a place that was handed out.
    subscript(place: Int32) -> Element {
        _read { yield elements[Int(place)] }
    }
}
