import Testing

@testable import Benchmark

/// The configuration of subjects, and the parsing of their output.
@Suite struct SubjectTests {
    private let setting = SubjectSetting(
        port: 2001, backendPort: 2000, threads: 1, descriptors: 20_000, streamModule: "/modules/stream.so",
        directory: "/run/files")

    private func configuration(_ name: String, threads: Int = 1) throws -> String {
        var setting = setting
        setting.threads = threads
        let subject = try #require(Subject.known.first { $0.name == name })
        return try #require(subject.configuration(setting)).text
    }

    @Test func onlyHAProxySpliceSplices() throws {
        let plain = try configuration("haproxy")
        let splice = try configuration("haproxy-splice")
        #expect(!plain.contains("splice"))
        let lines = splice.split(separator: "\n").filter {
            !$0.contains("option splice-") && !$0.contains("tune.pipesize")
        }
        #expect(lines == plain.split(separator: "\n"))
    }

    @Test(arguments: ["haproxy", "nginx", "envoy"])
    func everyConfigurationHasBothPorts(name: String) throws {
        let text = try configuration(name)
        #expect(text.contains("2001"))
        #expect(text.contains("2000"))
    }

    @Test func everySubjectGetsTheNumberOfThreads() throws {
        #expect(try configuration("haproxy", threads: 2).contains("nbthread 2\n"))
        #expect(try configuration("nginx", threads: 2).contains("worker_processes 2;"))
        var two = setting
        two.threads = 2
        func command(_ kind: Subject.Kind, _ setting: SubjectSetting) -> String {
            Subject(name: "x", kind: kind).command(program: "p", file: "f", setting).joined(separator: " ")
        }
        #expect(command(.envoy, two).contains("--concurrency 2"))
        #expect(command(.ours, two) == "p 0.0.0.0 127.0.0.1 2000 --port 2001 --threads 2")
        #expect(command(.ours, setting) == "p 0.0.0.0 127.0.0.1 2000 --port 2001")
    }

    @Test func nginxLoadsTheStreamModuleOnlyIfItIsAFile() throws {
        #expect(try configuration("nginx").hasPrefix("load_module /modules/stream.so;\n"))
        var without = setting
        without.streamModule = nil
        let text = Subject(name: "nginx", kind: .nginx).configuration(without)?.text
        #expect(text?.hasPrefix("daemon off;") == true)
    }

    @Test func sessionsFitTheDescriptors() {
        #expect(2 * setting.sessionsMax + 2 * SubjectSetting.pipes <= setting.descriptors)
    }

    @Test func manyBackendsHaveAddressesOfTheirOwnAndAreProbedEverySecond() throws {
        var many = setting
        many.backends = 1000
        #expect(Set(many.backendHosts).count == 1000)
        #expect(2 * many.sessionsMax + 2 * SubjectSetting.pipes + many.backends <= many.descriptors)
        let haproxy = try #require(Subject(name: "x", kind: .haproxy(splice: false)).configuration(many)).text
        #expect(haproxy.count(of: ":2000 check inter 1s\n") == 1000)
        let envoy = try #require(Subject(name: "x", kind: .envoy).configuration(many)).text
        #expect(envoy.count(of: "        - endpoint: { address") == 1000)
        #expect(envoy.contains("interval: 1s\n"))
        let ours = Subject(name: "x", kind: .ours).command(program: "p", file: "", many)
        #expect(ours.count { $0 == "2000" } == 1000)
        #expect(ours.suffix(2) == ["--probe-interval", "1s"])
        #expect(Subject(name: "x", kind: .nginx).obstacleToProbes != nil)
        #expect(Subject(name: "x", kind: .command("relay")).obstacleToProbes != nil)
    }

    @Test func placeholdersOfACommandAreReplaced() {
        let text = Subject.fill("relay --on {listen} --to {backend} -p {port}:{backend-port} -t {threads}", setting)
        #expect(text == "relay --on 0.0.0.0:2001 --to 127.0.0.1:2000 -p 2001:2000 -t 1")
    }

    @Test(arguments: [
        ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/", "2.6.12-1+deb12u4"),
        ("nginx version: nginx/1.22.1\n", "1.22.1"),
        ("/opt/3.11.7/bin/envoy  version: 9e5580/1.40.0/Clean/RELEASE", "1.40.0"),
        ("0.1.0\n", "0.1.0"),
    ])
    func versionsAreFoundInOutput(text: String, version: String) {
        #expect(Programs.version(in: text) == version)
    }

    @Test func subjectAndGeneratorHaveSeparateCoresIfThereAreEnough() {
        #expect(Placement(cores: [0, 1], threads: 1).subject == [0])
        #expect(Placement(cores: [0, 1], threads: 1).generator == [1])
        #expect(Placement(cores: [0, 1], threads: 2).isShared)
        #expect(Placement(cores: [3], threads: 1).generator == [3])
        #expect(Placement(cores: [0, 1, 2], threads: 2).generator == [2])
        #expect(Placement(cores: [0, 1], threads: 1).reader == nil)
        #expect(Placement(cores: [0, 1, 2], threads: 1).reader == (Programs.find("taskset") == nil ? nil : 2))
        #expect(Placement.list("\t0-2,5\n") == [0, 1, 2, 5])
        #expect(Placement.list("2-0,x").isEmpty)
    }

    @Test func aProcessNameMayContainParentheses() {
        #expect(Proc.parent(inStat: "17 (a (b) c) S 4 17 17 0") == 4)
        #expect(Proc.parent(inStat: "17") == nil)
        #expect(WholeMachine.socketPages("TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 12\nUDP: mem 3") == 12)
    }

    @Test func rowsAreFoundByNameAndByPrefix() {
        #expect(Set(Row.all.map(\.name)).count == Row.all.count)
        #expect(Row.named("pingpong-64B-1").map(\.name) == ["pingpong-64B-1"])
        #expect(Row.named("pingpong-64B").count == 4)
        #expect(Row.named("x").isEmpty && Row.named("").isEmpty)
    }

    @Test func aRowIsPreparedForARun() throws {
        let options = RunOptions(rows: [], subjects: [], seconds: 0.3, downloadRate: 20, stormRate: 500)
        for row in Row.all {
            var plan = row.prepared(options, sessionsMax: 9000).plan
            plan.port = 1
            plan.origin = 1
            #expect(plan.fault == nil)
        }
        func prepared(_ name: String, sessionsMax: Int = 9000) throws -> Row {
            try #require(Row.named(name).first).prepared(options, sessionsMax: sessionsMax)
        }
        let bulk = try prepared("beside-bulk")
        #expect(bulk.plan.downloadRate == 20_000_000)
        #expect(bulk.plan.seconds == 0.3)
        #expect(bulk.title.hasSuffix("4 downloads of 20 MB/s each"))
        #expect(try prepared("beside-bulk-300").plan.downloadRate / 1_000 == 533)
        #expect(try prepared("beside-bulk-1000").title.contains("downloads of 0.16 MB/s each"))
        #expect(try prepared("beside-storm").plan.visitRate == 500)
        #expect(try prepared("probes").plan.seconds == 1)
        let many = try prepared("many")
        #expect(many.plan.connections + many.plan.disturbers < 9000)
        #expect(many.plan.disturbers > 8000)
        #expect(try prepared("many", sessionsMax: 10).plan.disturbers == 0)
    }
}
