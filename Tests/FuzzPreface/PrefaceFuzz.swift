// What libFuzzer runs over what stands before the client's bytes, or at their beginning: Tests/Scripts/fuzz builds it,
// with libFuzzer's own main function. The first byte of an input chooses the parser, the rest is what it reads.

/// What libFuzzer calls with each input. Source: <fuzzer/FuzzerInterface.h> of LLVM.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    switch input.first {
    case 0: takeProxyHeader(Array(input.dropFirst()))
    case 1: fuzzClientHello(Array(input.dropFirst()))
    case 2: fuzzServerName(Array(input.dropFirst()))
    case 3: fuzzNetwork(Array(input.dropFirst()))
    default: break
    }
    return 0
}
