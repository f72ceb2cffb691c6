import ArgumentParser
import Balancer
import CommandSupport
import Glibc
import Reactor

/// `balancer demo`: demonstrates the whole system in one process. It takes seconds; on a terminal it pauses after each
/// act, so that one can read along.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show three chat servers, the balancer and six clients, all in this process.",
        discussion: "Needs no other programs, and sends nothing beyond loopback.")

    @Option(
        parsing: .unconditional,
        help: "The balancer's port, \(Port.range); if it is in use, the balancer gets a free one. (default: 20000)",
        transform: Port.parse)
    var port = Port(20000)

    @Flag(
        help: """
            Keep servers and balancer running afterwards, so that you can connect with chat-client (on Debian in the \
            package balancer-chat).
            """)
    var stay = false

    @Flag(help: "No pauses. Without a terminal there are none.")
    var fast = false

    func run() throws {
        Startup.prepare()
        do {
            let pace: DemoPace = fast || isatty(STDOUT_FILENO) == 0 ? .fast : .readable
            var demo = DemoPlay(stage: try DemoStage(port: port.rawValue), port: port.rawValue, pace)
            try demo.play()
            if stay { try demo.stay() }
        } catch let error as DemoConsole.OutputFault {
            // A reader that has gone needs no message.
            if error.errno.rawValue != EPIPE { complain("balancer demo", "standard output: \(error.errno)") }
            throw ExitCode.outputError
        } catch let error as SystemCallError {
            throw failure("balancer demo", error)
        } catch {
            complain("balancer demo", "\(error)")
            throw ExitCode.failure
        }
    }
}
