import Foundation
import Glibc
import Testing

/// What the machine limits, and what it leaves to a process.
@Suite("Limits of the machine", .ownThread)
struct MachineTests {
    @Test("children that the balancer did not start leave no zombies")
    func childrenOfOthers() throws {
        let port = try Ports.free()
        let backend = try EchoBackend(named: "A")
        // The shell's job becomes a child of the balancer, which replaces the shell.
        let program = try RunningProgram.start(
            [
                "/bin/sh", "-c", "sleep 0.2 & exec \"$0\" \"$@\"", try Program.balancer.path(), "127.0.0.1",
                "127.0.0.1",
                "\(backend.port)", "--port", "\(port)",
            ], named: "balancer")
        try Ports.waitForListener(on: port, of: program)
        try program.wait("no child is left") { try program.children().isEmpty }
        #expect(program.isRunning)
    }

    @Test("a log that has reached the size limit of files costs lines, and no sessions")
    func fileSizeLimit() throws {
        let folder = try TestFolder()
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let log = folder.path(of: "log")
        // The unit of the shell's limit is 512 or 1,024 bytes; a client's lines have 70.
        let program = try RunningProgram.start(
            [
                "/bin/sh", "-c", "ulimit -f 4; exec \"$0\" \"$@\" >\(log)", try Program.balancer.path(), "127.0.0.1",
                "127.0.0.1", "\(backend.port)", "--port", "\(port)",
            ], named: "balancer")
        try Ports.waitForListener(on: port, of: program)
        let balancer = BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
        let size = { try FileManager.default.attributesOfItem(atPath: log)[.size] as? Int ?? 0 }
        try program.wait("fills its log") {
            #expect(try balancer.backendsOfNextClients(10) == Array(repeating: "A", count: 10))
            return try !program.isRunning || [2048, 4096].contains(size())
        }
        #expect(try balancer.backendsOfNextClients(10) == Array(repeating: "A", count: 10))
        #expect(program.isRunning, "\(program.summary)")
    }

    @Test(
        "with little address space the balancer serves, or says in one line which limit is in the way",
        .enabled(if: !Program.areSanitized), arguments: [(1, false), (4, false), (2, true)])
    func addressSpaceLimit(threads: Int, isAdministered: Bool) throws {
        let backend = try EchoBackend(named: "A")
        let folder = try TestFolder()
        let administration = isAdministered ? ["--admin-socket", folder.path(of: "admin.sock")] : []
        var served = 0
        for mebibytes in [40, 44, 48, 60, 80, 120, 160, 250, 400] {
            let port = try Ports.free()
            let program = try RunningProgram.start(
                [
                    "/bin/sh", "-c", "ulimit -v \(mebibytes * 1024); exec \"$0\" \"$@\"", try Program.balancer.path(),
                    "127.0.0.1", "127.0.0.1", "\(backend.port)", "--port", "\(port)", "--threads", "\(threads)",
                    "--sessions-max", "1000000",
                ] + administration, named: "balancer")
            try program.wait("serves or ends") { !program.isRunning || Ports.isListening(port) }
            if program.isRunning {
                let balancer = BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
                #expect(try balancer.connectAndGreet().backend == "A")
                let warning = "1000000 sessions at most, but the memory limit of \(mebibytes) MiB of address space"
                try program.wait("warns") { balancer.countErrors(with: warning) == 1 }
                served += 1
                program.destroy()
            } else if try program.waitForExit() == .exited(127) {
                // Not even the libraries fit.
                continue
            } else {
                #expect(try program.waitForExit() == .exited(71), "\(program.summary)")
                #expect(program.errors.texts.count { $0.contains("\(mebibytes) MiB of address space") } == 1)
                let advice = program.errors.text.firstMatch(of: /raise it to (\d+) MiB/).flatMap { Int($0.1) }
                #expect(try #require(advice) > mebibytes, "\(program.summary)")
                #expect(program.errors.text.contains("--threads") == (threads > 1), "\(program.summary)")
            }
        }
        #expect(served > 0)
    }
}
