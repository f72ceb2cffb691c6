import Testing

@testable import Benchmark

/// Summaries of samples, and their presentation.
@Suite struct ReportTests {
    @Test func aSpreadHasMedianAndRange() {
        #expect(Spread([3, 1, 2]) == Spread([1, 2, 3]))
        #expect(Spread([3, 1, 2])?.median == 2)
        #expect(Spread([4, 1, 2, 3])?.median == 2.5)
        #expect(Spread([5])?.min == 5)
        #expect(Spread([5, 7])?.max == 7)
        #expect(Spread([]) == nil)
        #expect(Spread([1, .nan]) == nil)
    }

    @Test func aRatioIsTheReferencesCostDividedByTheSubjectsRoundByRound() throws {
        let row = Fixtures.row([
            ("ours", [10, 20, 30].map { Fixtures.sample(microseconds: $0) }),
            ("nginx", [20, 20, 20].map { Fixtures.sample(microseconds: $0) }),
        ])
        let summary = row.subjects[1].summary
        #expect(summary.ratio == Spread([0.5, 1, 1.5]))
        #expect(summary.cost?.median == 20)
        #expect(summary.throughput?.median == 1000)
        #expect(summary.switches == 2)
    }

    @Test func subjectsWithErrorsHaveNoRatio() {
        let good = Fixtures.sample(microseconds: 10)
        for bad in [
            Fixtures.sample(microseconds: 10, errors: ["reset": 3]), Fixtures.sample(microseconds: 10, mismatches: 1),
        ] {
            let other = Fixtures.row([("ours", [good, good]), ("nginx", [good, bad])])
            #expect(other.subjects[1].summary.ratio == nil)
            #expect(other.subjects[1].summary.notes.count == 1)
            let own = Fixtures.row([("ours", [good, bad]), ("nginx", [good, good])])
            #expect(own.subjects[1].summary.ratio == nil)
            #expect(Fixtures.report([own]).rowsFailedByReference == [own.name])
        }
    }

    @Test func directHasNoProcessorCost() {
        let sample = Fixtures.sample(microseconds: 10)
        let row = Fixtures.row([("direct", [sample]), ("ours", [sample])])
        #expect(row.subjects[0].summary.cost == nil)
        #expect(row.subjects[0].summary.ratio == nil)
    }

    @Test func aDisturbedRowShowsTheDifferenceToDirectAndWhatTheDisturbanceReached() throws {
        func sample(p99: Double, bulk: Double, visits: UInt64) -> Sample {
            var sample = Fixtures.sample(microseconds: 300)
            sample.latency = Latency(count: 1000, mean: 50, p50: 40, p90: 60, p99: p99, p999: 2 * p99, max: 3 * p99)
            sample.visits = Latency(count: visits, mean: 500, p50: 400, p90: 600, p99: 700, p999: 800, max: 900)
            sample.bulkBytes = bulk
            return sample
        }
        let row = Fixtures.row(
            named: "beside-bulk", cost: .p99,
            [
                ("direct", [100, 200, 300].map { sample(p99: $0, bulk: 600e6, visits: 100) }),
                ("ours", [150, 280, 320].map { sample(p99: $0, bulk: 590e6, visits: 99) }),
            ])
        let summary = row.subjects[1].summary
        #expect(row.subjects[0].summary.p99OverDirect == nil)
        #expect(summary.p99OverDirect == 50)
        #expect(summary.p999 == 560)
        #expect(summary.longest == 840)
        #expect(summary.processorShare == 0.3)
        #expect(summary.bulkRate == 590e6)
        #expect(summary.visitRate == 99)
        #expect(summary.visits?.p999 == 800)
        let table = Table(row, reference: "ours")
        let cells = Dictionary(zip(table.heading, table.lines[1])) { first, _ in first }
        #expect(cells["-direct"] == "50")
        #expect(cells["bulk MB/s"] == "590")
        #expect(cells["CPU %"] == "30")
        #expect(cells["conn p999"] == "800")
    }

    @Test func aShortageOfTheKernelsMemoryIsNoted() {
        var sample = Fixtures.sample(microseconds: 10)
        sample.isShortOfMemory = true
        #expect(Fixtures.row([("ours", [sample])]).subjects[0].summary.notes == ["kernel short of TCP memory"])
    }

    @Test func kernelMemoryExcludesThatOfDirect() {
        let row = Fixtures.row(
            named: "idle-memory", unit: .session, cost: .memory,
            [
                ("direct", [Fixtures.memorySample(user: 0, kernel: 1000)]),
                ("ours", [Fixtures.memorySample(user: 50, kernel: 3000)]),
            ])
        #expect(row.subjects[1].summary.kernelBytes == 200)
        #expect(row.subjects[1].summary.userBytes == 5)
        #expect(row.subjects[1].summary.cost?.median == 205)
    }

    @Test func aGeneratorAtItsLimitIsNoted() {
        var sample = Fixtures.sample(microseconds: 10)
        sample.load = 600_000_000
        sample.origin = 350_000_000
        #expect(Fixtures.row([("ours", [sample])]).subjects[0].summary.notes == ["generator at its limit"])
        sample.others = 400_000_000
        #expect(Fixtures.row([("ours", [sample])]).subjects[0].summary.notes.last == "other programs were busy")
    }

    @Test func tablesAlignAndFitATerminal() throws {
        let row = Fixtures.row([
            ("direct", [Fixtures.sample(microseconds: 0)]),
            ("ours", [Fixtures.sample(microseconds: 12_345)]),
            ("haproxy-splice", [Fixtures.sample(microseconds: 1.5)]),
        ])
        let lines = Table(row, reference: "ours").text.split(separator: "\n")
        #expect(lines.count == 5)
        #expect(lines.allSatisfy { $0.count <= 110 })
        let heading = try #require(lines[1].firstRange(of: "CPU us/req"))
        let end = lines[1].distance(from: lines[1].startIndex, to: heading.upperBound)
        for line in lines.dropFirst(2) {
            // Each figure is aligned with the end of its heading.
            let rest = line.dropFirst(end - 1)
            #expect(rest.first != " " && rest.dropFirst().first ?? " " == " ", "\(line)")
        }
        let markdown = Table(row, reference: "ours").markdown.split(separator: "\n").dropFirst()
        #expect(Set(markdown.map { line in line.count { $0 == "|" } }).count == 1)
    }

    @Test func aReportReadsAsItWasWritten() throws {
        let row = Fixtures.row([("ours", [Fixtures.sample(microseconds: 10)])])
        let report = Fixtures.report([row])
        let read = try Report(json: try report.json())
        #expect(try read.json() == report.json())
        #expect(report.markdown(chart: "chart.svg").contains("![The headline rows as bars](chart.svg)"))
        #expect(!report.markdown(chart: nil).contains("!["))
    }

    @Test func theChartHasABarForEachSoundSubject() {
        let good = Fixtures.sample(microseconds: 10)
        let bad = Fixtures.sample(microseconds: 10, errors: ["reset": 1])
        let svg = Chart(Fixtures.report([Fixtures.row([("ours", [good]), ("nginx", [good]), ("envoy", [bad])])])).svg
        // A cost each, and a p99 with its p999.
        #expect(svg.count(of: "<rect") == 6)
        #expect(svg.count(of: ">100 / 200</text>") == 2)
        #expect(svg.hasPrefix("<svg") && svg.hasSuffix("</svg>\n"))
        #expect(svg.contains("nginx &lt;1.2&gt; &amp; more"))
        #expect(Chart(Fixtures.report([])).svg.count(of: "<rect") == 0)
    }

    @Test(arguments: [
        (0, "0"), (0.0516, "0.052"), (0.999, "1.00"), (12.34, "12.3"), (7, "7"), (178.4, "178"), (12_345.6, "12,346"),
        (1_234_567, "1,234,567"), (-0.5, "-0.50"), (.infinity, "-"),
    ])
    func numbersHaveThreeSignificantDigits(value: Double, text: String) {
        #expect(Numbers.short(value) == text)
    }
}

/// The changes from one report to the next.
@Suite struct ComparisonTests {
    private func report(_ costs: [Double], errors: [String: Int] = [:]) -> Report {
        Fixtures.report([Fixtures.row([("ours", costs.map { Fixtures.sample(microseconds: $0, errors: errors) })])])
    }

    @Test func aChangeBeyondTheSpreadIsReported() {
        let comparison = Comparison(report([10, 11, 12]), report([14, 15, 16]))
        #expect(comparison.changes.map(\.row) == ["pingpong-64B-64"])
        #expect(comparison.text.contains("36 % dearer"))
    }

    @Test func aChangeWithinTheSpreadIsNotReported() {
        #expect(Comparison(report([10, 11, 16]), report([14, 15, 16])).changes.isEmpty)
        #expect(Comparison(report([10, 10, 10]), report([10.2, 10.2, 10.2])).changes.isEmpty)
        #expect(Comparison(report([10, 11, 12]), report([10, 11, 12])).compared == 1)
    }

    @Test func rowsWithErrorsAreNotCompared() {
        let comparison = Comparison(report([10]), report([20], errors: ["reset": 1]))
        #expect(comparison.compared == 0)
        #expect(comparison.failures.count == 1)
        #expect(comparison.text.contains("fails now: pingpong-64B-64"))
        // A failure that existed before is not reported.
        #expect(Comparison(report([10], errors: ["reset": 1]), report([20], errors: ["reset": 1])).failures.isEmpty)
    }

    @Test func fewRoundsCauseAWarningAboutChance() {
        #expect(Comparison(report([10, 11, 12]), report([14, 15, 16])).text.contains("one of 10 costs"))
        let five = report([10, 11, 12, 13, 14])
        #expect(!Comparison(five, five).text.contains("by chance"))
    }

    @Test func missingRowsAreReported() {
        var other = report([10])
        other.rows = []
        #expect(Comparison(report([10]), other).warnings == ["row pingpong-64B-64: only before"])
    }

    @Test func anotherMachineCausesAWarning() {
        var other = report([10])
        other.setting.kernel = "6.2"
        #expect(Comparison(report([10]), other).warnings == ["kernel: 6.1, now 6.2"])
    }
}

extension String {
    func count(of text: String) -> Int { ranges(of: text).count }
}
