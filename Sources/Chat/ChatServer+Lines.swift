import Reactor

// What clients send, on its way to everybody.
//
// ```
//   read --> whole lines ---------------------------------------------------> everybody
//        --> the beginning of a line waits, until its end has come, or it is too long or too old
// ```
//
// So the lines of two authors do not mix, although reads cut them anywhere. No byte is changed, added or lost.
extension ChatServer {
    /// Reads once and passes on what came. A client that may have sent more is queued again, behind the others.
    mutating func receive(from key: SlabKey) {
        let index = Int(key.index)
        clients[index].isQueued = false
        // Nothing is read from a client that does not take what it is sent: one that sends faster than it reads its own
        // echo is slowed down, not disconnected. Its end is read all the same.
        if !clients[index].backlog.isEmpty, !clients[index].isEnding {
            clients[index].isHeld = true
            return
        }
        switch unsafe clients[index].stream.receive(into: buffer.memory) {
        case .bytes(let count):
            announce(index)
            unsafe pass(buffer.prefix(count), from: key)
            // The sender may have been disconnected by its own message.
            guard clients.contains(key) else { return }
            // A short read has emptied the socket, unless its end is still to be read.
            if count == Self.receiveBytesPerTurn || clients[index].isEnding { queue(key) }
        case .wouldBlock: break
        case .endOfStream: drain(key)
        case .failed: finish(index, .failed)
        }
    }

    /// Sends the whole lines among `bytes`, after the beginning that waited for them, and keeps what follows them.
    private mutating func pass(_ bytes: UnsafeRawBufferPointer, from key: SlabKey) {
        let index = Int(key.index)
        let end = unsafe bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        if end > 0 {
            passUnfinished(index)
            unsafe broadcast(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        }
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[end...])
        if unsafe rest.isEmpty { return }
        if clients.contains(key), unsafe keep(rest, of: index) { return }
        if clients.contains(key) { passUnfinished(index) }
        unsafe broadcast(rest)
    }

    // MARK: unfinished lines

    /// Keeps the beginning of a line, or more of it; false when it is too long, or too much of that is kept already.
    private mutating func keep(_ bytes: UnsafeRawBufferPointer, of index: Int) -> Bool {
        let before = clients[index].unfinished.capacity
        guard clients[index].unfinished.count + bytes.count <= LineProtocol.lineBytesMax,
            unfinishedBytes + bytes.count <= Self.unfinishedBytesMax
        else { return false }
        if before == 0 {
            clients[index].unfinishedSince = core.now
            core.timers.arm(clients[index].timer, at: core.now + .milliseconds(Self.unfinishedLineMilliseconds))
        }
        unsafe clients[index].unfinished.append(contentsOf: bytes)
        unfinishedBytes += clients[index].unfinished.capacity - before
        return true
    }

    /// The beginning of a line has waited for its end. While what the client sent is not read yet, it waits on.
    mutating func expireUnfinished(_ index: Int) {
        let isUnread = clients[index].isHeld || clients[index].isQueued
        if isUnread, core.now - clients[index].unfinishedSince < .seconds(Self.unreadLineSeconds) {
            core.timers.arm(clients[index].timer, at: core.now + .milliseconds(Self.unfinishedLineMilliseconds))
        } else {
            passUnfinished(index)
        }
    }

    /// Sends the beginning of a line that a client has sent.
    private mutating func passUnfinished(_ index: Int) {
        guard !clients[index].unfinished.isEmpty else { return }
        core.timers.disarm(clients[index].timer)
        broadcast(takeUnfinished(index))
    }

    mutating func takeUnfinished(_ index: Int) -> [UInt8] {
        unfinishedBytes -= clients[index].unfinished.capacity
        return exchange(&clients[index].unfinished, with: [])
    }

    /// Sends what those had begun to say who have left in this turn.
    mutating func sendLastWords() {
        while let words = lastWords.popLast() { broadcast(words) }
    }

    // MARK: to everybody

    private mutating func broadcast(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe broadcast($0) }
    }

    /// Sends `bytes` to every client. Clients that fail on the way leave at once; the others keep their places.
    private mutating func broadcast(_ bytes: UnsafeRawBufferPointer) {
        for index in clients.indexRange where clients.isTaken(index) {
            if clients[index].phase == .draining { continue }
            let before = clients[index].backlog.memoryBytes
            let delivery = unsafe clients[index].deliver(bytes)
            backlogsChanged(by: clients[index].backlog.memoryBytes - before)
            switch delivery {
            case .accepted: break
            case .tooSlow: finish(index, .tooSlow)
            case .failed: finish(index, .failed)
            }
            if backlogs.isExceeded { disconnectSlowest() }
        }
    }

    /// Sends what waits for a client, as far as the kernel takes it.
    mutating func sendBacklog(to index: Int) {
        let before = clients[index].backlog.memoryBytes
        let delivery = clients[index].sendBacklog()
        backlogsChanged(by: clients[index].backlog.memoryBytes - before)
        switch delivery {
        case .accepted:
            guard clients[index].backlog.isEmpty else { return }
            if clients[index].phase == .draining { return finish(index, .ended) }
            if clients[index].isHeld {
                clients[index].isHeld = false
                queue(clients.key(at: index))
            }
        // Only `deliver`, which adds to the backlog, reports `tooSlow`.
        case .tooSlow, .failed: finish(index, .failed)
        }
    }

    /// The client has ended its direction, and so the chat. What is queued for it is still sent.
    private mutating func drain(_ key: SlabKey) {
        let index = Int(key.index)
        announce(index)
        passUnfinished(index)
        // It may have been disconnected by its own last words.
        guard clients.contains(key) else { return }
        clients[index].phase = .draining
        if clients[index].backlog.isEmpty {
            finish(index, .ended)
        } else {
            core.timers.arm(clients[index].timer, at: core.now + .seconds(Self.drainSeconds))
        }
    }

    // MARK: all backlogs together

    mutating func backlogsChanged(by bytes: Int) {
        guard bytes != 0, let disconnected = backlogs.change(by: bytes) else { return }
        errors.record {
            $0.append("less than half of that waits again; clients disconnected meanwhile: ")
            $0.append(disconnected)
            $0.append("\n")
        }
    }

    /// Too much waits in all: disconnects the clients that are furthest behind until some room is free.
    private mutating func disconnectSlowest() {
        if backlogs.begin() {
            errors.record {
                $0.append("more than ")
                $0.append(Self.backlogsBytesMax)
                $0.append(" bytes wait for all clients that read too slowly: those furthest behind are disconnected\n")
            }
        }
        var slow = clients.indexRange.filter { clients.isTaken($0) && !clients[$0].backlog.isEmpty }
        slow.sort { clients[$0].backlog.count > clients[$1].backlog.count }
        for index in slow where backlogs.isAboveTarget {
            backlogs.disconnected += 1
            finish(index, .crowdedOut)
        }
    }
}

/// What waits for all slow readers together, and an episode in which that is too much.
struct Backlogs {
    /// The memory of the backlogs.
    private(set) var bytes = 0
    private var isCrowded = false
    /// Clients disconnected in this episode.
    var disconnected = 0

    var isExceeded: Bool { bytes > ChatServer.backlogsBytesMax }
    /// Clients are disconnected until a quarter is free, so that who is next is not asked for at every message.
    var isAboveTarget: Bool { bytes > ChatServer.backlogsBytesMax / 4 * 3 }

    /// True when an episode begins.
    mutating func begin() -> Bool {
        defer { isCrowded = true }
        return !isCrowded
    }

    /// Returns how many clients an episode cost that ends with this.
    mutating func change(by difference: Int) -> Int? {
        bytes += difference
        guard isCrowded, bytes <= ChatServer.backlogsBytesMax / 2 else { return nil }
        defer { self = Backlogs(bytes: bytes) }
        return disconnected
    }
}
