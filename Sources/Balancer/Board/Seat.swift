/// A loop's place among several: the board that they share, and the loop's index. A single loop has none.
struct Seat: Sendable {
    let board: Board
    let loop: Int

    /// Wakes a loop; nil wakes none.
    func wake(_ loop: Int?) {
        if let loop { board.wake(loop) }
    }

    /// Wakes the loops of these bits.
    func wake(all loops: UInt64) {
        for loop in 0..<board.loopCount where loops & 1 << UInt64(loop) != 0 { board.wake(loop) }
    }

    /// Wakes all loops but this one.
    func wakeOthers() { board.wakeOthers(than: loop) }
}
