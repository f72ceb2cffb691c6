import AdministrationAPI
import Top
import Wording

/// The names of a running balancer, and what somebody means by a word.
struct Names {
    private let status: Status

    /// More names than these are not listed in an error message.
    private static let listedMax = 12
    /// More suggestions than these are no help beside the list.
    private static let suggestedMax = 3

    init(_ status: Status) {
        self.status = status
    }

    private var references: [BackendReference] { status.backendsByReference.map(\.0) }
    private var pools: [String] { status.pools.map(\.name) }

    /// The backend that is called so: `web/b2`, or `b2` or its address where only one is called so.
    ///
    /// - Parameter pool: The pool in which it is looked for; nil for all.
    func backend(_ word: String, in pool: String? = nil) throws(Fault) -> BackendReference {
        if let pool { _ = try self.pool(pool) }
        let candidates = status.backendsByReference.filter { pool == nil || $0.0.pool == pool }
        // The complete name decides: another backend may be called so in its own pool.
        let complete = candidates.filter { $0.0.description == word }
        let bare = candidates.filter { $0.0.backend == word }
        let byAddress = candidates.filter { $0.1.address == word }
        guard let found = [complete, bare, byAddress].first(where: { !$0.isEmpty }) else {
            throw missingBackend(word, candidates.map(\.0))
        }
        guard found.count == 1 else {
            let names = found.map(\.0.description).joined(separator: ", ")
            throw Fault("'\(word)' is not unique: give one of \(names)")
        }
        return found[0].0
    }

    private func missingBackend(_ word: String, _ candidates: [BackendReference]) -> Fault {
        let names = candidates.map(\.description)
        // A bare name resembles bare names.
        let resembling =
            word.contains("/")
            ? Suggestion.nearest(word, among: names)
            : candidates.filter { Suggestion.nearest(word, among: candidates.map(\.backend)).contains($0.backend) }
                .map(\.description)
        return missing("backend", word, names, resembling)
    }

    /// Checks that there is a pool of this name.
    func pool(_ name: String) throws(Fault) -> String {
        guard pools.contains(name) else {
            throw missing("pool", name, pools, Suggestion.nearest(name, among: pools))
        }
        return name
    }

    /// Checks that there is a listener of this name.
    func listener(_ name: String) throws(Fault) -> String {
        let listeners = status.listeners.map(\.name)
        guard listeners.contains(name) else {
            throw missing("listener", name, listeners, Suggestion.nearest(name, among: listeners))
        }
        return name
    }

    private func missing(_ kind: String, _ word: String, _ names: [String], _ resembling: [String]) -> Fault {
        var text = "no \(kind) '\(word)': "
        switch names.count {
        case 0: text += "the balancer has no \(kind)"
        case ...Self.listedMax: text += "there \(names.count == 1 ? "is" : "are") \(names.joined(separator: ", "))"
        default: text += "there are \(names.count) others, which `balancer status` lists"
        }
        // With a single name there is nothing to choose.
        if names.count > 1, let last = resembling.last, resembling.count <= Self.suggestedMax {
            let others = resembling.dropLast().joined(separator: ", ")
            text += "; did you mean \(others.isEmpty ? last : "\(others) or \(last)")?"
        }
        return Fault(text)
    }
}
