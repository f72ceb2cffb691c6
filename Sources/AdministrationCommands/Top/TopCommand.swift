import AdministrationAPI
import ArgumentParser
import CommandSupport
import Glibc
import Reactor

/// `balancer top`: a live table of pools, backends, sessions and events.
public struct TopCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch a running balancer in a table: backends, rates, sessions, events; a key drains.",
        discussion: """
            Keys stand at the bottom; ? explains them. Needs a terminal of 40x8 or more. Colours are left out with \
            NO_COLOR. A balancer that goes away is waited for, and its last figures stay.
            """)

    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, Output.terminalHasStyles else {
            throw Fault(
                "top needs a terminal as input and output, with TERM set: `balancer status` and `balancer events` need "
                    + "none"
            ).reported()
        }
        // One answer first: a mistake in the place is said where the shell shows it.
        let asker = try reporting { () throws(Fault) in
            let asker = try administration.asker()
            _ = try asker.status()
            return asker
        }
        let end: TopProgram.End
        do throws(SystemCallError) {
            end = try TopProgram.run(asker)
        } catch {
            throw failure("balancer", error)
        }
        switch end {
        case .quit: break
        case .signal(let number): throw ExitCode.signal(number)
        case .outputFailed(let errno):
            complain("balancer", "standard output: \(errno)")
            throw ExitCode.outputError
        }
    }
}
