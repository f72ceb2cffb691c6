/// The life cycle of a loop.
enum LoopState: Equatable {
    case running
    /// No new clients; the present sessions finish.
    case draining
    case stopped
}
