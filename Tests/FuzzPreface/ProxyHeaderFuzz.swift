import Reactor

@testable import Balancer

/// Reads a header of the PROXY protocol, and holds the result against what is read with fewer and with more bytes.
func takeProxyHeader(_ bytes: [UInt8]) {
    let result = ProxyHeader.read(bytes.span)
    // What has been decided stays so, whatever follows.
    for following in [0x00, 0x0A, 0x50] as [UInt8] where result != .incomplete {
        precondition(ProxyHeader.read((bytes + [following]).span) == result, "another result with one more byte")
    }
    for count in [bytes.count - 1, bytes.count / 2, bytes.count / 3] where count >= 0 {
        let earlier = ProxyHeader.read(Array(bytes[..<count]).span)
        precondition(earlier == .incomplete || earlier == result, "another result of \(count) bytes")
    }
    switch result {
    case .header(let header, let count): check(header, bytes, count)
    case .incomplete: precondition(bytes.count < ProxyHeader.bytesMax, "more is wanted than a header has")
    case .malformed(let fault): precondition(!fault.description.isEmpty, "a fault without a word")
    case .absent: break
    }
}

private func check(_ header: ProxyHeader, _ bytes: [UInt8], _ count: Int) {
    precondition(count <= min(bytes.count, ProxyHeader.bytesMax), "longer than what came")
    precondition(ProxyHeader.read(Array(bytes[..<count]).span) == .header(header, count: count), "another by itself")
    precondition(ProxyHeader.read(Array(bytes[..<(count - 1)]).span) == .incomplete, "its last byte is not needed")
    if let authority = header.authority {
        precondition(authority.lowerBound >= 19 && authority.upperBound <= count, "an authority outside the header")
    }
    for version in ProxyVersion.allCases {
        checkWriter(version, header, authority: header.authority.map { Array(bytes[$0]) })
    }
}

/// What is written from a header says the same.
private func checkWriter(_ version: ProxyVersion, _ header: ProxyHeader, authority: [UInt8]?) {
    var written = [UInt8](repeating: 0, count: ProxyHeaderWriter.bytesMax)
    let count = unsafe written.withUnsafeMutableBytes { buffer in
        unsafe ProxyHeaderWriter.write(
            version, source: header.addresses?.source, destination: header.addresses?.destination,
            options: [.checksum, .uniqueID], uniqueID: 17, authority: authority, into: buffer)
    }
    guard case .header(let again, count) = ProxyHeader.read(written.span) else {
        preconditionFailure("what was written is no header")
    }
    precondition(again.version == version && again.addresses == header.addresses, "other addresses than were written")
    // Without addresses it is LOCAL, of which nothing else is read.
    let isNamed =
        version == .v2 && header.addresses != nil
        && authority.map { $0.count <= ProxyHeaderWriter.authorityBytesMax } == true
    precondition(again.authority.map { Array(written[$0]) } == (isNamed ? authority : nil), "another authority")
}
