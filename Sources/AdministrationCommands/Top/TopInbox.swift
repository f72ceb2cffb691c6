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

        /// A key waits for an answer, and the screen for the word that the balancer is lost; of a status or an event there
        /// is a later one.
        fileprivate var isDroppable: Bool {
            switch self {
            case .status, .event: true
            case .lost, .answer: false
            }
        }
    }

    /// Not read for a while, as when the terminal's thread waits for a terminal that takes nothing: the oldest statuses and
    /// events are dropped then. (While SIGTSTP stops the program nothing comes: that stops the threads as well.)
    private static let itemsMax = 1000

    private let items = Guarded<[Item]>([])
    private let waker: Waker

    init() throws(SystemCallError) { waker = try Waker() }

    func add(to poller: borrowing Poller, _ token: Token) -> Errno? { waker.add(to: poller, token) }

    /// Leaves an item. On any thread.
    func put(_ item: Item) {
        items.withLock { items in
            // One word about the loss is enough.
            if case .lost = item, case .lost = items.last { items.removeLast() }
            items.append(item)
            if items.count > Self.itemsMax, let place = items.firstIndex(where: \.isDroppable) {
                items.remove(at: place)
            }
        }
        waker.wake()
    }

    /// All items, the oldest first.
    func takeAll() -> [Item] {
        waker.drain()
        return items.withLock { exchange(&$0, with: []) }
    }
}
