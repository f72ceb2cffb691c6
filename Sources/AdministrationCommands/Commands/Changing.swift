import AdministrationAPI
import ArgumentParser
import CommandSupport

/// What commands that change something have in common.
enum Changing {
    /// Makes a change and prints it.
    ///
    /// - Parameters:
    ///   - request: Makes the request, for which names may have to be asked for.
    ///   - fate: What becomes of the sessions that the change concerns; nil where nothing does.
    ///   - remark: What people are told besides what the balancer says; nil for nothing.
    static func run(
        _ administration: AdministrationOptions, _ output: OutputOptions,
        fate: (Change) -> String? = { _ in nil }, remark: String? = nil,
        request: (any Asker) throws(Fault) -> ChangeRequest
    ) throws {
        try reporting { () throws(Fault) in
            let asker = try administration.asker()
            show(try asker.change(try request(asker)), output, fate: fate, remark: remark)
        }
    }

    /// Prints a change.
    static func show(
        _ answer: (change: Change, json: [UInt8]), _ output: OutputOptions, fate: (Change) -> String? = { _ in nil },
        remark: String? = nil
    ) {
        if output.json {
            print(PrettyJSON.text(answer.json))
        } else {
            var change = answer.change
            if let remark { change.remarks.append(remark) }
            for line in ChangeText.lines(change, fate: fate(change)) { print(ErrorText.line(line)) }
        }
        // What follows may take long, and the reader may be a program.
        StandardOutput.flush()
    }
}
