import ArgumentParser
import Benchmark
import CommandSupport
import FoundationEssentials
import Reactor

/// `balancer-benchmark load PLAN`: the load generator, which the coordinator starts as a process of its own.
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Carry out one plan and print a sample, both JSON.", shouldDisplay: false)

    @Argument(help: "The plan, as JSON.")
    var plan: String

    func run() throws {
        Startup.prepare()
        guard let plan = try? JSONDecoder().decode(LoadPlan.self, from: Data(plan.utf8)) else {
            throw ValidationError("PLAN is not a plan of the load generator, which only the coordinator starts")
        }
        if let fault = plan.fault { throw ValidationError("PLAN: \(fault)") }
        let sample: Sample
        do throws(SystemCallError) {
            var generator = try Generator(plan)
            sample = try generator.run()
        } catch {
            throw failure("balancer-benchmark load", error)
        }
        print(String(decoding: try JSONEncoder().encode(sample), as: UTF8.self))
    }
}

/// `balancer-benchmark origin PORT`: the backend of every subject, which the coordinator starts.
struct OriginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "origin", abstract: "Answer the load generator's requests until standard input ends.",
        shouldDisplay: false)

    @Argument(help: "The port to listen on, on all addresses, \(Port.range).", transform: Port.parse)
    var port: Port

    func run() throws {
        Startup.prepare()
        do throws(SystemCallError) {
            // Every address of 127.0.0.0/8 is a backend of its own for the subjects with many.
            var origin = try Origin(.ipv4(0, port: port.rawValue))
            try origin.run(leash: 0)
        } catch {
            throw failure("balancer-benchmark origin", error)
        }
    }
}
