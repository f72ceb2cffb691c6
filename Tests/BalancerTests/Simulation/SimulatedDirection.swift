import Reactor

@testable import Balancer

/// A session without a loop, on the simulated kernel, for what one direction of it does.
struct SimulatedDirection: ~Copyable {
    let source: SimulatedSocket
    let sink: SimulatedSocket
    var session: Session

    init(_ kernel: SimulatedKernel) {
        func connect(_ socket: SimulatedSocket) -> Stream {
            socket.state = .connected
            socket.outboxRoom = .max
            return Stream(FileDescriptor(owning: kernel.allocate(.socket(socket))))
        }
        source = kernel.makeSocket()
        sink = kernel.makeSocket()
        session = Session(
            client: connect(source), address: .ipv4(0, port: 0), pool: 0, timer: .none, now: Instant(nanoseconds: 1))
        session.move(to: .relaying)
        session.link.backend = Side(stream: connect(sink), hasNoDelay: false, isUnix: false)
    }

    /// Moves a read's worth of bytes that makes the next read a splice; true when all have arrived.
    mutating func moveChunk(_ relay: inout Relay) -> Bool {
        let bytes = [UInt8](repeating: 7, count: relay.memory.chunkBytes)
        source.inbox = bytes
        sink.outbox = []
        session.link.client.isReadable = true
        session.link.backend.isWritable = true
        while relay.run(&session.link) {}
        return sink.outbox == bytes
    }
}
