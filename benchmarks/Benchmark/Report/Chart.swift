/// The headline rows as an SVG picture: each has a bar per subject, whose length is the cost, or the 99th percentile of
/// the latency, relative to the longest in the row.
///
/// The picture has no scripts, fonts or background; grey text and the bars are legible on white and on black.
public struct Chart {
    /// The bars of one row.
    struct Group {
        var title: String
        var unit: String
        var bars: [Bar]
    }

    /// The cost of one subject.
    struct Bar {
        var subject: String
        var value: Double
        /// The range over the rounds.
        var range: ClosedRange<Double>
        /// The 99.9th percentile, where the value is the 99th.
        var far: Double?

        /// How far the bar reaches.
        var extent: Double { max(value, far ?? value) }
    }

    /// What a group of bars shows of a row.
    enum Figure {
        case cost
        /// The 99th and the 99.9th percentile of the latency.
        case tail
    }

    /// The rows to show, if the report has them, with their headings.
    static let headlines: [(row: String, figure: Figure, title: String, unit: String)] = [
        ("short-64B", .cost, "Short connections with a 64 B echo", "µs of CPU each"),
        ("short-64B", .tail, "Their latency, 64 at once", tailUnit),
        ("pingpong-64B-64", .cost, "Ping-pong of 64 B, 64 connections", "µs of CPU per request"),
        ("pingpong-64B-64", .tail, "Its latency", tailUnit),
        ("beside-bulk", .tail, "Ping-pong beside paced downloads", tailUnit),
        ("beside-storm", .tail, "Ping-pong beside short connections", tailUnit),
        ("pingpong-16KiB-64", .cost, "Ping-pong of 16 KiB, 64 connections", "µs of CPU per request"),
        ("bulk-down-4", .cost, "Bulk download, 4 connections", "ms of CPU per GB"),
        ("bulk-both-4", .cost, "Bulk both ways, 4 connections", "ms of CPU per GB"),
        ("idle-memory", .cost, "Idle session, user and kernel", "KB each"),
    ]
    private static let tailUnit = "µs, p99 / p999"

    private let groups: [Group]
    private let footer: String
    private let reference: String

    /// The chart of a report; it has no bars when none of the headline rows was measured.
    public init(_ report: Report) {
        reference = report.setting.reference
        groups = Self.headlines.compactMap { headline in
            guard let row = report.rows.first(where: { $0.name == headline.row }) else { return nil }
            let bars = row.subjects.compactMap { result -> Bar? in
                guard result.isSound else { return nil }
                switch headline.figure {
                case .cost: return Self.costBar(result, scale: row.cost.scale(row.unit))
                case .tail: return Self.tailBar(result)
                }
            }
            return bars.isEmpty ? nil : Group(title: headline.title, unit: headline.unit, bars: bars)
        }
        let versions = report.subjects.filter { !$0.version.isEmpty }.map(\.command)
        var seen: [String] = []
        for version in versions where !seen.contains(where: { version.hasPrefix($0) }) { seen.append(version) }
        footer = seen.joined(separator: " · ")
    }

    private static func costBar(_ result: Report.SubjectResult, scale: Double) -> Bar? {
        guard let cost = result.summary.cost?.scaled(scale), cost.median > 0 else { return nil }
        return Bar(subject: result.subject, value: cost.median, range: cost.min...cost.max)
    }

    private static func tailBar(_ result: Report.SubjectResult) -> Bar? {
        guard let p99 = Spread(result.samples.compactMap { $0.latency?.p99 }) else { return nil }
        return Bar(
            subject: result.subject, value: p99.median, range: p99.min...p99.max, far: result.summary.p999)
    }

    // MARK: dimensions in pixels, and colours

    private static let width = 880
    private static let columns = 2
    private static let columnGap = 48
    private static let top = 64
    private static let titleHeight = 30
    private static let barPitch = 24
    private static let barHeight = 16
    private static let groupGap = 30
    private static let labelWidth = 98
    private static let valueWidth = 112

    private static let textColor = "#7d8590"
    private static let ownColor = "#f05138"
    private static let otherColor = "#8ba0b8"
    private static let whiskerColor = "#57606a"
    /// The part of a bar from the 99th to the 99.9th percentile.
    private static let farOpacity = "0.35"

    private static var columnWidth: Int { (width - (columns - 1) * columnGap) / columns }
    private static var barWidth: Int { columnWidth - labelWidth - valueWidth }

    private func height(_ group: Group) -> Int { Self.titleHeight + group.bars.count * Self.barPitch + Self.groupGap }

    /// The picture as SVG text.
    public var svg: String {
        var body: [String] = []
        var y = Self.top
        for start in stride(from: 0, to: groups.count, by: Self.columns) {
            let line = groups[start..<min(start + Self.columns, groups.count)]
            for (column, group) in line.enumerated() {
                body += draw(group, x: column * (Self.columnWidth + Self.columnGap), y: y)
            }
            y += line.map { self.height($0) }.max() ?? 0
        }
        let bottom = y + 8
        let subtitle =
            "Less is better. Bars: medians, relative to the dearest; pale: to the p999; thin lines: "
            + "the range of the rounds."
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 0 \(Self.width + 32) \(bottom + 16)" \
            width="\(Self.width + 32)" height="\(bottom + 16)" role="img" \
            font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" fill="\(Self.textColor)">
            <title>What a unit of work costs each balancer</title>
            <text x="0" y="26" font-size="18" font-weight="600">What a unit of work costs each balancer</text>
            <text x="0" y="46" font-size="12">\(subtitle)</text>
            \(body.joined(separator: "\n"))
            <text x="0" y="\(bottom)" font-size="11">\(Self.escaped(footer))</text>
            </svg>

            """
    }

    private func draw(_ group: Group, x: Int, y: Int) -> [String] {
        let longest = group.bars.map(\.extent).max() ?? 1
        var lines = [
            "<text x=\"\(x)\" y=\"\(y + 16)\" font-size=\"13\" font-weight=\"600\">\(Self.escaped(group.title))</text>",
            "<text x=\"\(x + Self.columnWidth)\" y=\"\(y + 16)\" font-size=\"11\" text-anchor=\"end\">"
                + "\(Self.escaped(group.unit))</text>",
        ]
        for (place, bar) in group.bars.enumerated() {
            lines += draw(bar, longest: longest, x: x, y: y + Self.titleHeight + place * Self.barPitch)
        }
        return lines
    }

    private func draw(_ bar: Bar, longest: Double, x: Int, y: Int) -> [String] {
        let isOwn = bar.subject == reference
        let start = x + Self.labelWidth
        func length(_ value: Double) -> Double { Double(Self.barWidth) * min(value / longest, 1.06) }
        func text(_ value: Double) -> String { Numbers.fixed(value, 1) }
        let middle = y + Self.barHeight / 2
        let weight = isOwn ? " font-weight=\"600\"" : ""
        let from = text(Double(start) + max(0, length(bar.range.lowerBound)))
        let to = text(Double(start) + max(0, length(bar.range.upperBound)))
        let end = max(length(bar.extent), length(bar.range.upperBound)) + 6
        let label = ([bar.value] + (bar.far.map { [$0] } ?? [])).map { Numbers.short($0) }.joined(separator: " / ")
        let color = isOwn ? Self.ownColor : Self.otherColor
        func rectangle(to value: Double, _ more: String = "") -> String {
            "<rect x=\"\(start)\" y=\"\(y)\" width=\"\(text(max(1, length(value))))\" "
                + "height=\"\(Self.barHeight)\" rx=\"2\" fill=\"\(color)\"\(more)/>"
        }
        let far = bar.far.map { [rectangle(to: $0, " fill-opacity=\"\(Self.farOpacity)\"")] } ?? []
        let name = Self.escaped(bar.subject)
        let title =
            "<text x=\"\(start - 8)\" y=\"\(middle + 4)\" font-size=\"12\" text-anchor=\"end\"\(weight)>\(name)</text>"
        return [title] + far + [
            rectangle(to: bar.value),
            "<path d=\"M\(from) \(middle)H\(to)\" stroke=\"\(Self.whiskerColor)\" stroke-width=\"1.5\"/>",
            "<text x=\"\(text(Double(start) + end))\" y=\"\(middle + 4)\" font-size=\"12\"\(weight)>"
                + "\(label)</text>",
        ]
    }

    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}
