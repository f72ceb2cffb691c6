import AdministrationAPI
import Reactor
import Top

/// What threads that wait for the balancer leave for the one that has the terminal.
final class TopInbox: Sendable {
    /// A piece of news.
    enum Item: Sendable {
        case status(Status)
        case event(EventRow)
        case lost(String)
        case answer(TopAnswer)
    }

    /// Not read for a while, as when the program is stopped: the oldest items are dropped then.
    private static let itemsMax = 1000

    private final class Items: @unchecked Sendable {
        // Unchecked: only reached with the lock.
        var list: [Item] = []
    }

    private let lock = Lock()
    private let items = Items()
    private let waker: Waker

    init() throws(SystemCallError) { waker = try Waker() }

    func add(to poller: borrowing Poller, _ token: Token) -> Errno? { waker.add(to: poller, token) }

    /// Leaves an item. On any thread.
    func put(_ item: Item) {
        lock.lock()
        items.list.append(item)
        if items.list.count > Self.itemsMax { items.list.removeFirst(items.list.count - Self.itemsMax) }
        lock.unlock()
        waker.wake()
    }

    /// All items, the oldest first.
    func takeAll() -> [Item] {
        waker.drain()
        lock.lock()
        defer { lock.unlock() }
        let list = items.list
        items.list = []
        return list
    }
}
