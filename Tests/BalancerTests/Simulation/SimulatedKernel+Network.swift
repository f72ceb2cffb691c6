import Glibc
import Reactor

// What happens outside the machine.
extension SimulatedKernel {
    /// Lets one thing happen somewhere; false when nothing can happen any more.
    @discardableResult
    func act() -> Bool {
        if !listeners.isEmpty, clientsToCome > 0, random.chance(20) {
            comeIn()
            return true
        }
        if live.count > liveMax { forgetTheClosed() }
        let start = Int.random(in: 0...live.count, using: &random)
        for place in live.indices {
            let socket = live[(start + place) % live.count]
            if canAct(socket) {
                act(socket)
                return true
            }
        }
        forgetTheClosed()
        guard !listeners.isEmpty, clientsToCome > 0 else { return false }
        comeIn()
        return true
    }

    /// Of a socket that is closed and has nothing to do, nothing more will come.
    private func forgetTheClosed() {
        live.removeAll { $0.isClosed && !canAct($0) }
        liveMax = live.count + 16
    }

    /// The client that came from an address.
    func client(at address: SocketAddress) -> SimulatedSocket? {
        clients.first { $0.address == address || $0.host.lead?.claimed == address }
    }

    /// Clients wait to be accepted.
    var hasArrivals: Bool { listeners.contains { !$0.arrivals.isEmpty } }

    private func comeIn() {
        guard let listener = listeners.randomElement(using: &random) else { return }
        clientsToCome -= 1
        let socket = makeSocket()
        // If both hosts waited for the other's end, they would wait for ever.
        socket.host.waitsForEnd = false
        if faults.clientsAreFriendly {
            socket.host.farewell = .finish
            socket.host.neverReads = false
        }
        socket.state = .connected
        socket.address = .ipv4(0x0A00_0001, port: UInt16(20001 + clients.count))
        clients.append(socket)
        live.append(socket)
        (socket.pool, socket.listener) = (listener.pool, listener.pool)
        if let book { begin(socket, book) }
        listener.arrivals.append(socket)
        listener.isSignalled = true
    }

    /// The client comes from one of a few networks, and begins with a lead. The kernel has room for that.
    private func begin(_ socket: SimulatedSocket, _ book: PrefaceBook) {
        let host = 0x0A00_0101 + UInt32.random(in: 0...2, using: &random) << 8
        socket.address = .ipv4(host + UInt32.random(in: 0...1, using: &random), port: UInt16(20_000 + clients.count))
        let lead = ClientLead(number: clients.count, &random)
        socket.host.begin(with: lead, stopPercent: book.stopPercent, &random)
        socket.inboxRoom += lead.bytes.count
        socket.pool = nil
    }

    /// True while the host has something to do that needs no move of the balancer's.
    func canAct(_ socket: SimulatedSocket) -> Bool {
        switch socket.state {
        case .fresh, .refused: false
        case .connecting: !isSilent(socket)
        case .dead: false
        case .connected:
            canSend(socket) || canFinish(socket) || canRead(socket) || socket.wantsRoom && hasRoom(socket)
        }
    }

    private func isSilent(_ socket: SimulatedSocket) -> Bool {
        Int(socket.host.id) &* 37 % 100 < faults.silentPercent
    }

    private func hasRoom(_ socket: SimulatedSocket) -> Bool { socket.outbox.count < socket.outboxRoom }

    private func canSend(_ socket: SimulatedSocket) -> Bool {
        !socket.host.isGone && !socket.host.sawReset && !socket.host.hasFinished
            && socket.host.sent < socket.host.planned
            && socket.inbox.count < socket.inboxRoom
    }

    private func canFinish(_ socket: SimulatedSocket) -> Bool {
        !socket.host.isGone && !socket.host.sawReset && !socket.host.hasFinished && !socket.host.neverEnds
            && (socket.host.sent == socket.host.planned || socket.host.sawEnd)
            && (!socket.host.waitsForEnd || socket.host.sawEnd)
    }

    private func canRead(_ socket: SimulatedSocket) -> Bool {
        if socket.host.neverReads, !socket.host.isGone { return false }
        return !socket.outbox.isEmpty || socket.outboxEnded && !socket.host.sawEnd && !socket.host.isGone
    }

    private func act(_ socket: SimulatedSocket) {
        if socket.state == .connecting { return decide(socket) }
        if socket.wantsRoom, hasRoom(socket) {
            socket.wantsRoom = false
            socket.isSignalled = true
        }
        if canRead(socket), random.chance(60) { return read(socket) }
        if canSend(socket) { return send(socket) }
        if canFinish(socket) { return leave(socket) }
        if canRead(socket) { read(socket) }
    }

    /// The SYN is answered.
    private func decide(_ socket: SimulatedSocket) {
        socket.isSignalled = true
        if random.chance(faults.refusedPercent) {
            socket.state = .refused
            socket.error = ECONNREFUSED
            socket.outbox.removeAll()
        } else {
            socket.state = .connected
        }
    }

    private func send(_ socket: SimulatedSocket) {
        if socket.isClosed {
            socket.host.sawReset = true
            socket.outbox.removeAll()
            return
        }
        let room = min(socket.inboxRoom - socket.inbox.count, socket.host.planned - socket.host.sent)
        for _ in 0..<Int.random(in: 1...room, using: &random) {
            socket.inbox.append(socket.host.byte(at: socket.host.sent))
            socket.host.sent += 1
        }
        socket.isSignalled = true
        // A host may leave in the middle of what it meant to send.
        if socket.host.farewell != .finish, socket.host.sent >= 4, random.chance(20) {
            socket.host.planned = socket.host.sent
        }
    }

    private func leave(_ socket: SimulatedSocket) {
        switch socket.host.farewell {
        case .reset:
            socket.resetByHost()
        case .finish, .close:
            socket.host.hasFinished = true
            socket.host.isGone = socket.host.farewell == .close
            socket.inboxEnded = true
            socket.isSignalled = true
        }
    }

    private func read(_ socket: SimulatedSocket) {
        if socket.host.isGone {
            // Closed altogether: its kernel answers bytes with a RST.
            if !socket.outbox.isEmpty { socket.resetByHost() }
            return
        }
        if socket.host.stalls > 0 {
            socket.host.stalls -= 1
            return
        }
        if socket.outbox.isEmpty {
            socket.host.sawEnd = true
            return
        }
        let count = Int.random(in: 1...socket.outbox.count, using: &random)
        socket.host.received += socket.outbox.prefix(count)
        socket.outbox.removeFirst(count)
        if socket.wantsRoom {
            socket.wantsRoom = false
            socket.isSignalled = true
        }
    }
}
