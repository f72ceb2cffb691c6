import AdministrationAPI
import Foundation
import Testing

@testable import Administration

@Suite struct MetricsTextTests {
    private func lines(
        _ change: (inout Status, inout Measurements) -> Void = { _, _ in }
    ) throws -> [String] {
        var (status, more) = (try MetricsExample.status(), MetricsExample.measurements())
        change(&status, &more)
        let text = MetricsText.render(status, more)
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private func samples(_ lines: [String], of name: String) -> [String] {
        lines.filter { $0.hasPrefix("\(name){") || $0.hasPrefix("\(name) ") }
    }

    @Test(
        "each figure of the balancer is a sample",
        arguments: [
            #"balancer_build_info{version="0.1.0"} 1"#, "process_start_time_seconds 1795814100.25",
            "process_cpu_seconds_total 1.5", "process_resident_memory_bytes 10000000", "process_open_fds 40",
            "process_max_fds 65536", #"balancer_state{state="serving"} 1"#, #"balancer_state{state="draining"} 0"#,
            "balancer_problems 1", "balancer_audit_findings 0", "balancer_config_last_reload_successful 1",
            "balancer_upgrades_total 1", "balancer_sessions_active 7", "balancer_sessions_limit 9918",
            "balancer_accepted_total 95", #"balancer_ends_total{reason="finished"} 81"#,
            #"balancer_ends_total{reason="shortage"} 0"#, #"balancer_bytes_total{direction="down"} 5000000000"#,
            #"balancer_loop_stuck{loop="0"} 0"#, #"balancer_loop_stuck{loop="1"} 1"#,
            #"balancer_loop_busy_seconds_total{loop="0"} 1.25"#, #"balancer_loop_turns_total{loop="1"} 400"#,
            #"balancer_listener_state{listener="front",state="open"} 1"#,
            #"balancer_listener_state{listener="front",state="full"} 0"#,
            #"balancer_listener_accepted_total{listener="front"} 95"#,
            #"balancer_listener_rejected_total{listener="front",reason="denied"} 3"#,
            #"balancer_listener_rejected_total{listener="front",reason="no-route"} 0"#,
            #"balancer_listener_sessions_active{listener="front"} 7"#,
            #"balancer_listener_sessions_limit{listener="front"} 100"#,
            #"balancer_listener_waiting{listener="front"} 1"#,
            #"balancer_listener_bytes_total{listener="front",direction="up"} 6000"#,
            #"balancer_listener_accept_paused_seconds_total{listener="front"} 2.5"#,
            #"balancer_pool_backends{pool="web",state="up"} 1"#, #"balancer_pool_backends{pool="web",state="down"} 1"#,
            #"balancer_pool_backends{pool="web",state="drain"} 0"#, #"balancer_pool_sessions_active{pool="web"} 7"#,
            #"balancer_pool_queue_length{pool="web"} 2"#, #"balancer_pool_queue_limit{pool="web"} 200"#,
            #"balancer_pool_no_backend_total{pool="web"} 5"#, #"balancer_pool_panic{pool="web"} 0"#,
            #"balancer_backend_up{pool="web",backend="a1"} 1"#, #"balancer_backend_up{pool="web",backend="a2"} 0"#,
            #"balancer_backend_state{pool="web",backend="a2",state="down"} 1"#,
            #"balancer_backend_state_changes_total{pool="web",backend="a2"} 3"#,
            #"balancer_backend_weight{pool="web",backend="a1"} 3"#,
            #"balancer_backend_sessions_active{pool="web",backend="a1"} 7"#,
            #"balancer_backend_sessions_limit{pool="web",backend="a1"} 500"#,
            #"balancer_backend_sessions_total{pool="web",backend="a1"} 90"#,
            #"balancer_backend_session_ends_total{pool="web",backend="a1",reason="reset"} 2"#,
            #"balancer_backend_session_ends_total{pool="web",backend="a2",reason="finished"} 0"#,
            #"balancer_backend_connect_failures_total{pool="web",backend="a1",reason="timed-out"} 0"#,
            #"balancer_backend_bytes_total{pool="web",backend="a1",direction="up"} 6000"#,
            #"balancer_backend_stall_seconds_total{pool="web",backend="a1",side="client"} 1.5"#,
            #"balancer_backend_stall_seconds_total{pool="web",backend="a2",side="backend"} 0.25"#,
            #"balancer_backend_connect_failures_total{pool="web",backend="a2",reason="refused"} 4"#,
            #"balancer_backend_redispatches_total{pool="web",backend="a2"} 1"#,
        ])
    func sample(expected: String) throws {
        #expect(try lines().contains(expected))
    }

    @Test("a distribution has buckets that add up, one for all, a sum and a count")
    func histogram() throws {
        let lines = try lines().filter { $0.hasPrefix("balancer_backend_connect_seconds") }
        #expect(
            lines == [
                #"balancer_backend_connect_seconds_bucket{pool="web",backend="a1",le="0.0001"} 10"#,
                #"balancer_backend_connect_seconds_bucket{pool="web",backend="a1",le="0.00025"} 30"#,
                #"balancer_backend_connect_seconds_bucket{pool="web",backend="a1",le="5"} 60"#,
                #"balancer_backend_connect_seconds_bucket{pool="web",backend="a1",le="+Inf"} 61"#,
                #"balancer_backend_connect_seconds_sum{pool="web",backend="a1"} 8.5"#,
                #"balancer_backend_connect_seconds_count{pool="web",backend="a1"} 61"#,
            ])
    }

    @Test("a distribution without labels has none but its bounds")
    func histogramOfProcess() throws {
        let lines = try lines().filter { $0.hasPrefix("balancer_turn_seconds") }
        #expect(
            lines == [
                #"balancer_turn_seconds_bucket{le="0.0001"} 700"#, #"balancer_turn_seconds_bucket{le="0.001"} 900"#,
                #"balancer_turn_seconds_bucket{le="+Inf"} 1000"#, "balancer_turn_seconds_sum 0.25",
                "balancer_turn_seconds_count 1000",
            ])
    }

    @Test("a distribution with fewer or more counts than bounds is written as far as it is known")
    func unevenHistogram() throws {
        let short = try lines { _, more in
            more.turns = Measurements.Distribution(bounds: [1, 2], counts: [3], sumSeconds: 1)
        }
        #expect(short.contains(#"balancer_turn_seconds_bucket{le="2"} 3"#))
        #expect(short.contains("balancer_turn_seconds_count 3"))
        let long = try lines { _, more in
            more.turns = Measurements.Distribution(bounds: [1], counts: [3, 4, 5], sumSeconds: .infinity)
        }
        #expect(long.contains(#"balancer_turn_seconds_bucket{le="1"} 3"#))
        #expect(long.contains(#"balancer_turn_seconds_bucket{le="+Inf"} 12"#))
        #expect(long.contains("balancer_turn_seconds_sum +Inf"))
    }

    @Test("names of the operator are escaped, and stay one line and one label")
    func escaping() throws {
        let lines = try lines { status, _ in
            status.listeners[0].name = "a\"b\\c\nd} 1 # €\u{0}"
        }
        #expect(
            samples(lines, of: "balancer_listener_accepted_total")
                == [#"balancer_listener_accepted_total{listener="a\"b\\c\nd} 1 # €\#u{FFFD}"} 95"#])
    }

    @Test("reasons and states that this version does not know are listed, in order")
    func unknownReasons() throws {
        let lines = try lines { status, _ in
            status.state = "hibernating"
            status.endsTotal["zzz"] = 1
            status.endsTotal["abc"] = 2
            status.pools[0].backends[0].state = "asleep"
            status.pools[0].backends[0].connectFailuresTotal = ["no-port": 9, "refused": 1]
        }
        #expect(lines.contains(#"balancer_state{state="hibernating"} 1"#))
        #expect(lines.contains(#"balancer_state{state="serving"} 0"#))
        #expect(lines.contains(#"balancer_pool_backends{pool="web",state="asleep"} 1"#))
        #expect(
            samples(lines, of: "balancer_ends_total").suffix(2)
                == [#"balancer_ends_total{reason="abc"} 2"#, #"balancer_ends_total{reason="zzz"} 1"#])
        #expect(
            lines.contains(#"balancer_backend_connect_failures_total{pool="web",backend="a1",reason="no-port"} 9"#))
    }

    @Test("a limit that there is not is missing, and so is the start before there is one")
    func missing() throws {
        let lines = try lines { status, more in
            more.startedSeconds = 0
            status.listeners[0].sessionsMax = nil
        }
        #expect(samples(lines, of: "balancer_listener_sessions_limit").isEmpty)
        #expect(samples(lines, of: "balancer_backend_sessions_limit").count == 1)
        #expect(samples(lines, of: "process_start_time_seconds").isEmpty)
    }

    @Test("what does not add up and what is wrong are counted")
    func audit() throws {
        let lines = try lines { status, more in
            status.audit = ["open descriptors: 40, accounted for: 39", "bytes in: 10, bytes out: 9"]
            status.problems = []
            more.wasLastReloadSuccessful = false
        }
        #expect(lines.contains("balancer_audit_findings 2"))
        #expect(lines.contains("balancer_problems 0"))
        #expect(lines.contains("balancer_config_last_reload_successful 0"))
    }

    @Test("each family stands together behind its help and type, and no sample is there twice")
    func families() throws {
        let lines = try lines()
        #expect(lines.last == "")
        var family = ""
        var families: Set<String> = []
        var seen: Set<String> = []
        for (index, line) in lines.dropLast().enumerated() {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if words.starts(with: ["#", "HELP"]) {
                family = words[2]
                #expect(families.insert(family).inserted, "\(line)")
                #expect(lines[index + 1].hasPrefix("# TYPE \(family) "))
            } else if words.starts(with: ["#", "TYPE"]) {
                #expect((words[3] == "counter") == family.hasSuffix("_total"), "\(line)")
            } else {
                #expect(line.hasPrefix(family), "\(line)")
                let end = try #require(line.lastIndex(of: " "))
                #expect(seen.insert(String(line[..<end])).inserted, "\(line)")
                #expect(Double(line[line.index(after: end)...].replacing("+Inf", with: "inf")) != nil, "\(line)")
            }
        }
    }

    @Test("the number of lines grows with the backends, and not with sessions or clients")
    func bounded() throws {
        let few = try lines().count
        let busy = try lines { status, _ in
            status.sessions = 1_000_000
            status.listeners[0].acceptedTotal = .max
            status.pools[0].queueLength = 100_000
        }
        #expect(busy.count == few)
    }

    @Test(
        "the text passes promtool check metrics without a remark",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool")))
    func promtool() throws {
        let (process, input, output) = (Process(), Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/promtool")
        process.arguments = ["check", "metrics"]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(lines().joined(separator: "\n").utf8))
        try input.fileHandleForWriting.close()
        let said = try output.fileHandleForReading.readToEnd().map { String(decoding: $0, as: UTF8.self) } ?? ""
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && said.isEmpty, "\(said)")
    }
}
