import ArgumentParser
import Balancer
import Reactor
import Testing

@testable import BalancerCommand
@testable import ConfigurationFile

/// `balancer config` prints the file that says the same as the one-line command.
@Suite struct CommandTests {
    @Test(arguments: [
        "127.0.0.1 127.0.0.1 8090", "0.0.0.0 10.0.0.5 8090 10.0.0.6:8091 --port 5432",
        ":: [fd00::1]:80 db1:5432 db2 5432", "* db1:80 --log changes", "10.0.0.9 10.0.0.1:80 --threads 3",
        "127.0.0.1 127.0.0.1:80 --probe-interval 1s",
        "127.0.0.1 127.0.0.1:80 --probe-interval 1s --probe-timeout 250ms",
        "127.0.0.1 127.0.0.1:80 --fall 2 --rise 3 --connect-timeout 1500ms --idle-timeout 2h --drain-time 0s",
        "127.0.0.1 127.0.0.1:80 --busy-poll off --fast-open --warm-connections 3",
        "127.0.0.1 127.0.0.1:80 --busy-poll always", "127.0.0.1 127.0.0.1:80 --busy-poll 20us",
        "127.0.0.1 127.0.0.1:80 --sessions-max 99 --backlog 77 --admin-socket /run/a/b.sock --log none",
        "0.0.0.0 0.0.0.0:80 [::]:81 --log sessions", "--listen 0.0.0.0:5432 db1:5432 db2 5433",
        "--listen [::]:80 --listen 0.0.0.0:80 --listen 10.0.0.9:90-93 10.0.0.1:80 --threads 2 --admin-socket /run/s",
        "--listen=[::]:80 [fd00::1]:80 --source fd00::2 --source fd00::3",
    ])
    func theFileIsTheCommand(line: String) throws {
        let arguments = line.split(separator: " ").map(String.init)
        let resources = Resources(descriptors: 4096, memory: [])
        let text = try ConfigCommand.text(of: arguments, resources)
        let fromFile = try Document.read(text: text).configuration(resources)
        let fromLine = try Self.configuration(arguments, resources)
        #expect(fromFile.listeners == fromLine.listeners)
        // But for this: the guide's command has its backends up until proven otherwise.
        var pools = fromLine.pools
        for place in pools.indices { pools[place].health.startsUnknown = true }
        #expect(fromFile.pools == pools)
        #expect(fromFile.timeouts == fromLine.timeouts)
        #expect(fromFile.limits == fromLine.limits)
        #expect(fromFile.latency == fromLine.latency)
        #expect(fromFile.log == fromLine.log)
        #expect(fromFile.threads == fromLine.threads)
        #expect(fromFile.administration == fromLine.administration)
    }

    private static func configuration(_ arguments: [String], _ resources: Resources) throws -> Configuration {
        guard !(arguments.first?.hasPrefix("--listen") ?? false) else {
            let line = try #require(try RunCommand.parse(arguments).oneLine())
            return try RunCommand.configuration(line, resources)
        }
        return try ServeCommand.parse(arguments).makeConfiguration(resources, HandedSockets(), looksUp: false)
    }
}
