import ArgumentParser
import Balancer
import CommandSupport
import ConfigurationFile
import Glibc
import Reactor

/// `balancer check FILE`: finds the mistakes of a configuration file.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find all mistakes of a configuration file; exit code 0 when there is none, and 78 otherwise.",
        discussion: """
            Checks what `balancer run` would check, on this machine and with this environment: files that are included, \
            variables, users and groups. It opens no socket and looks up no name.
            """)

    @OptionGroup var path: ConfigurationPath

    func run() throws {
        let file = try path.chosen()
        let limit = Startup.prepare()
        let document: Document
        do throws(Mistakes) {
            document = try Document.read(file)
            try document.check(Resources(descriptors: limit, memory: MemoryLimit.all()))
        } catch {
            throw ConfigurationPath.report(error)
        }
        print("\(ErrorText.line(file)): ok: \(document.summary)")
    }
}
