import Glibc
import Reactor
import Testing

private let loopback = SocketAddress.ipv4(0x7F00_0001, port: 0)
private let loopback6 = SocketAddress.ipv6(high: 0, low: 1, scope: 0, port: 0)

/// The error of a bind; nil when it succeeded.
private func bindError(_ address: SocketAddress, joining: Bool) -> Errno? {
    do throws(SystemCallError) {
        _ = try Listener(address, joining: joining)
        return nil
    } catch {
        return error.errno
    }
}

@Suite struct SharedListenerTests {
    @Test(arguments: [loopback, loopback6]) func theKernelDealsOutAmongThoseThatShare(address: SocketAddress) throws {
        let first = try Listener(address)
        try first.share()
        let second = try Listener(first.address, joining: true)
        let third = try Listener(first.address, joining: true)
        #expect(second.address == first.address)

        var clients = Slab<Stream>(capacity: 96)
        for _ in 0..<96 {
            let client = try Stream(for: first.address, from: nil)
            let result = client.connect(to: first.address)
            #expect(result == .inProgress)
            _ = clients.insert(client)
        }
        // That one of the three gets none of so many is less likely than 1 in 10^16.
        var counts = [0, 0, 0]
        let areAll = eventually {
            counts[0] += accepted(by: first)
            counts[1] += accepted(by: second)
            counts[2] += accepted(by: third)
            return counts.reduce(0, +) == 96
        }
        #expect(areAll)
        #expect(counts.allSatisfy { $0 > 0 }, "\(counts)")
    }

    private func accepted(by listener: borrowing Listener) -> Int {
        var count = 0
        while case .accepted = listener.accept() { count += 1 }
        return count
    }

    @Test func whoDoesNotJoinIsRefusedAsEver() throws {
        let inUse = Errno(rawValue: EADDRINUSE)
        let first = try Listener(loopback)
        // Not yet open to others.
        #expect(bindError(first.address, joining: true) == inUse)
        try first.share()
        #expect(bindError(first.address, joining: false) == inUse)
        let second = try Listener(first.address, joining: true)
        #expect(bindError(second.address, joining: false) == inUse)
        #expect(bindError(second.address, joining: true) == nil)
    }
}
