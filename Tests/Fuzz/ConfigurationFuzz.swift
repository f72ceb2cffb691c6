import Reactor

@testable import Balancer
@testable import ConfigurationFile

// What libFuzzer runs: Tests/Scripts/fuzz builds it, with libFuzzer's own main function. Each input is a configuration file.
// It is decoded; what `config --full` prints of a right one is read again; and its configuration is taken
// over by a roster that has the one before, as a reload does it.

/// The roster of a process whose configuration is replaced by each input that is right.
nonisolated(unsafe) private var roster: SharedRoster?

/// What a process has; nothing of this machine, so that the same input always does the same.
private let resources = Resources(descriptors: 20_000, memory: [])

private let surroundings = Surroundings(
    variable: { ["PORT": "5432", "EMPTY": ""][$0] }, user: { $0 == "www-data" ? 33 : nil },
    group: { $0 == "www-data" ? 33 : nil })

/// Without included files: there is none of any name. There is one file of networks.
private func read(_ bytes: [UInt8]) throws(Mistakes) -> Document {
    var loader = Loader(surroundings) { path, _ throws(FileReader.Fault) in
        if path == "networks.txt" { return Array("10.0.0.0/8 # ours\nfd00::/8\n".utf8) }
        guard path == "balancer.yaml" else { throw FileReader.Fault("there is no such file") }
        return bytes
    }
    return try loader.load("balancer.yaml")
}

private func take(_ bytes: [UInt8]) {
    do throws(Mistakes) {
        let document = try read(bytes)
        let configuration = try document.configuration(resources)
        // The comments of a full text say where each value stands: they differ, what is said does not.
        let again = try read(Array(document.fullText.utf8)).configuration(resources)
        precondition(again.pools == configuration.pools, "the pools of what `config --full` prints are others")
        precondition(again.listeners == configuration.listeners, "its listeners are others")
        reload(configuration)
    } catch {
        precondition(!error.description.isEmpty, "a mistake without a word")
    }
}

private func reload(_ configuration: Configuration) {
    guard let before = unsafe roster else { return unsafe roster = SharedRoster(configuration) }
    let plan = before.planListeners(configuration)
    _ = before.reload(configuration, plan)
    let after = before.current()
    precondition(Set(after.pools.map(\.name)) == Set(configuration.pools.map(\.name)), "other pools than wanted")
    for pool in configuration.pools where !pool.isDiscovered {
        let entry = after.pools.first { $0.name == pool.name }
        precondition(
            entry.map { Set($0.targets.map(\.name)) } == Set(pool.backends.map(\.title)), "other backends than wanted")
    }
    precondition(after.listeners.map(\.settings) == configuration.listeners, "other listeners than wanted")
}

/// What libFuzzer calls with each input. Source: <fuzzer/FuzzerInterface.h> of LLVM.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    take(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
