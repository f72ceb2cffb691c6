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
        #expect(Row.named("pingpong-64B").count == 3)
        #expect(Row.named("x").isEmpty && Row.named("").isEmpty)
        for row in Row.all {
            var plan = row.plan
            plan.port = 1
            plan.rate = 1
            #expect(plan.fault == nil)
        }
    }
}
