import Glibc
import Reactor

/// A pipe of the simulated kernel.
final class SimulatedPipe {
    var bytes: [UInt8] = []
    var room = 16
}

// pipe2(2) and splice(2): any part of what there is may be moved, and a pipe may be full of few bytes.
extension SimulatedKernel {
    func pipe() -> (result: CInt, reader: CInt, writer: CInt) {
        if random.chance(faults.failedPipePercent) { return (-ENFILE, -1, -1) }
        let pipe = SimulatedPipe()
        let reader = allocate(.pipeReader(pipe))
        if reader < 0 { return (reader, -1, -1) }
        let writer = allocate(.pipeWriter(pipe))
        if writer < 0 {
            close(reader)
            return (writer, -1, -1)
        }
        return (0, reader, writer)
    }

    func setPipeSize(_ pipe: CInt, bytes: CInt) -> CInt {
        guard case .pipeWriter(let object) = objects[pipe] else { return -EBADF }
        if random.chance(faults.failedPipePercent) { return -EPERM }
        object.room = Int(bytes)
        return bytes
    }

    func splice(from source: CInt, to sink: CInt, count: Int) -> Int {
        if !answers.isEmpty { return answers.removeFirst() }
        switch (objects[source], objects[sink]) {
        case (.socket(let socket), .pipeWriter(let pipe)):
            return splice(from: socket, source, to: pipe, count)
        case (.pipeReader(let pipe), .socket):
            return splice(from: pipe, to: sink, count)
        default:
            return -Int(EBADF)
        }
    }

    private func splice(from socket: SimulatedSocket, _ number: CInt, to pipe: SimulatedPipe, _ count: Int) -> Int {
        spliceCalls += 1
        turn.touch(socket)
        turn.reads += 1
        if random.chance(faults.refusedSplicePercent) { return -Int(EINVAL) }
        let room = min(count, pipe.room - pipe.bytes.count)
        if socket.inbox.isEmpty {
            // As a read: an error, the end, or nothing.
            var byte: UInt8 = 0
            return unsafe withUnsafeMutableBytes(of: &byte) { unsafe receive(number, $0, peek: false) }
        }
        guard room > 0 else { return -Int(EAGAIN) }
        // The fragments may be small: the pipe is full before it holds its bytes.
        let fitting = random.chance(30) ? Int.random(in: 1...room, using: &random) : room
        let moved = socket.inbox.prefix(fitting)
        pipe.bytes += moved
        socket.inbox.removeFirst(moved.count)
        turn.bytes += moved.count
        splicedInTurn[number, default: 0] += moved.count
        mostSplicedInTurn = max(mostSplicedInTurn, splicedInTurn[number, default: 0])
        return moved.count
    }

    private func splice(from pipe: SimulatedPipe, to sink: CInt, _ count: Int) -> Int {
        precondition(count <= pipe.bytes.count, "a splice of more bytes than the pipe has")
        if random.chance(faults.emptySplicePercent) {
            // Its bytes are lost: what the host still gets is the beginning.
            socketObject(sink)?.host.isDenied = true
            return 0
        }
        let part = random.chance(30) ? Int.random(in: 1...count, using: &random) : count
        let result = unsafe pipe.bytes[..<part].withUnsafeBytes { unsafe send(sink, $0) }
        if result > 0 {
            pipe.bytes.removeFirst(result)
            splicedBytes += result
        }
        return result
    }
}
