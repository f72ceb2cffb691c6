@testable import Administration

// What libFuzzer runs over the routing of requests: Tests/Scripts/fuzz builds it, with libFuzzer's own main function.
// The first byte of an input chooses the client and the version, the next lines are method, target and fields up to an
// empty one, and the rest is the body. A failed precondition is what it looks for.

/// What libFuzzer calls with each input. Source: <fuzzer/FuzzerInterface.h> of LLVM.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = input.first else { return 0 }
    fuzzRouter(request(choice, input.dropFirst()))
    return 0
}

/// The request that an input describes. What is not UTF-8 is repaired, as by the decoder.
private func request(_ choice: UInt8, _ input: ArraySlice<UInt8>) -> Request {
    var rest = input
    func line() -> String? {
        guard !rest.isEmpty else { return nil }
        let line = rest.prefix { $0 != UInt8(ascii: "\n") }
        rest = rest.dropFirst(line.count + 1)
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }
    var request = Request(
        method: line() ?? "", target: line() ?? "", fields: [],
        peer: choice & 1 == 0 ? .tcp : .socket(user: "user alice"), isOld: choice & 2 != 0)
    while let field = line() {
        let name = field.prefix { $0 != ":" }
        request.fields.append(
            Request.Field(name: String(name), value: field.dropFirst(name.count + 1).trimmingBlanks))
    }
    request.body = Array(rest)
    return request
}
