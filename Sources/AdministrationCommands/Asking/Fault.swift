import ArgumentParser
import CommandSupport
import Top

/// Why a command cannot do what it was asked for, and what to do about it.
struct Fault: Error, Hashable, Sendable {
    /// Where the balancer was asked, when the fault is there: `/run/balancer/admin.sock`; empty otherwise.
    let place: String
    /// What is wrong, as a rule in one line.
    let reason: String
    /// The balancer has said no: nothing has been changed, and nothing will be. Otherwise that is not known.
    let isRefusal: Bool

    init(_ reason: String, at place: String = "", isRefusal: Bool = false) {
        self.place = place
        self.reason = reason
        self.isRefusal = isRefusal
    }

    /// The place and what is wrong.
    var text: String { place.isEmpty ? reason : "\(place): \(reason)" }

    /// Prints it; returns the exit code.
    func reported() -> ExitCode {
        // The mistakes of a configuration file have a line each.
        for line in text.split(separator: "\n") { complain("balancer", String(line)) }
        return .unsuccessful
    }

    /// In `top`, which shows the place elsewhere.
    var inTop: TopFault { TopFault(reason) }
}

/// Runs the body of a command; prints why it failed.
func reporting<Value>(_ body: () throws(Fault) -> Value) throws -> Value {
    do throws(Fault) {
        return try body()
    } catch {
        throw error.reported()
    }
}
