@testable import Balancer

// What libFuzzer runs over the reading of ClientHellos and of names. A failed precondition is what it looks for.

/// Reads an input as records, and as the handshake message of records.
func fuzzClientHello(_ bytes: [UInt8]) {
    let result = checkedResult(bytes)
    if case .hello(let hello) = result {
        check(hello)
        let again = ClientHello.read(records(message(bytes), size: 1).span, wantsProtocols: true)
        precondition(again == result || again == .other(.tooLong), "another hello in records of a byte")
    }
    // libFuzzer finds record headers slowly, and each byte that it adds to a record makes another's length wrong.
    let whole = checkedResult(records(bytes, size: 16_384))
    for size in [1, 3, 64] {
        let cut = ClientHello.read(records(bytes, size: size).span, wantsProtocols: true)
        precondition(cut == whole || cut == .other(.tooLong), "another result in records of \(size) bytes")
    }
}

/// Reads an input as a name and as a pattern. What is taken is the same when it is read from its description.
func fuzzServerName(_ bytes: [UInt8]) {
    if let name = ServerName(bytes: bytes) {
        precondition(ServerName(bytes: name.bytes) == name, "another name from its bytes")
        precondition(name.bytes.count <= bytes.count, "the name has grown")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let pattern = try? ServerNamePattern(text) else { return }
    precondition((try? ServerNamePattern(pattern.description)) == pattern, "another pattern from its description")
    let routes = ServerNameRoutes([(pattern, 1)])
    if pattern.isWildcard {
        guard let name = ServerName("x." + String(decoding: pattern.name, as: UTF8.self)) else { return }
        precondition(routes.value(for: name) == 1, "a name below it does not match the wildcard")
    } else {
        precondition(
            ServerName(text).flatMap { routes.value(for: $0) } == 1, "a pattern that its own text does not match")
    }
}

/// The result of bytes, which agrees with that of bytes before and behind them, and with that without protocols.
private func checkedResult(_ bytes: [UInt8]) -> ClientHelloResult {
    let result = ClientHello.read(bytes.span, wantsProtocols: true)
    let stride = max(1, bytes.count / 16)
    for count in Swift.stride(from: 0, to: bytes.count, by: stride) {
        let earlier = ClientHello.read(bytes.span.extracting(0..<count), wantsProtocols: true)
        precondition(earlier == .incomplete || earlier == result, "it was \(earlier) after \(count) bytes")
    }
    if result != .incomplete {
        for more in [[0], [22, 3, 1, 0, 1, 1], [UInt8](repeating: 0xFF, count: 300)] {
            precondition(
                ClientHello.read((bytes + more).span, wantsProtocols: true) == result, "it changed with more bytes")
        }
    }
    let without = ClientHello.read(bytes.span, wantsProtocols: false)
    switch (result, without) {
    case (.hello(var hello), _):
        hello.protocols = []
        precondition(without == .hello(hello), "another hello without protocols")
    case (.other(.malformed(.protocols)), _): break
    default: precondition(without == result, "another result without protocols")
    }
    return result
}

private func check(_ hello: ClientHello) {
    precondition(hello.protocols.count <= ClientHello.protocolsMax, "too many protocols")
    precondition(hello.protocols.allSatisfy { (1...255).contains($0.count) }, "a protocol that cannot be")
    if let name = hello.name {
        precondition((1...ServerName.bytesMax).contains(name.bytes.count), "a name that cannot be")
    }
}

/// The message of records; what ends in the middle of one is left out.
private func message(_ records: [UInt8]) -> [UInt8] {
    var message: [UInt8] = []
    var rest = records[...]
    while rest.count >= 5 {
        let length = Int(rest[rest.startIndex + 3]) << 8 | Int(rest[rest.startIndex + 4])
        message += rest.dropFirst(5).prefix(length)
        rest = rest.dropFirst(5 + length)
    }
    return message
}

/// A message in records of so many bytes.
private func records(_ message: [UInt8], size: Int) -> [UInt8] {
    var records: [UInt8] = []
    var rest = message[...]
    while !rest.isEmpty {
        let body = rest.prefix(size)
        records += [22, 3, 1, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
        rest = rest.dropFirst(size)
    }
    return records
}
