import AdministrationAPI

/// Names and values of labels as they stand between braces, `pool="web",backend="a1"`: written once, used for many samples.
struct MetricLabels {
    fileprivate private(set) var bytes: [UInt8]

    /// None.
    static let none = MetricLabels(bytes: [])

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// One label.
    init(_ name: StaticString, _ value: String) {
        bytes = []
        append(name, value)
    }

    /// The same with one label more.
    func adding(_ name: StaticString, _ value: String) -> MetricLabels {
        var all = self
        all.append(name, value)
        return all
    }

    /// Backslash, quote and newline are escaped. A byte of 0, which ends the text for Prometheus, is replaced by U+FFFD.
    private mutating func append(_ name: StaticString, _ value: String) {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: name.description.utf8)
        bytes.append(contentsOf: "=\"".utf8)
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
            case UInt8(ascii: "\""): bytes.append(contentsOf: #"\""#.utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: #"\n"#.utf8)
            case 0: bytes.append(contentsOf: "\u{FFFD}".utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Writes metrics one family after the other: all samples of a name stand together behind its `# HELP` and `# TYPE`.
struct MetricsWriter {
    /// What a family is.
    enum Kind: String {
        /// Never decreases while the process lives; its name ends in `_total`.
        case counter
        /// May have any value.
        case gauge
        /// A distribution.
        case histogram
    }

    private var bytes: [UInt8] = []
    /// The name of the family whose samples follow.
    private var name: [UInt8] = []
    /// The bounds of the last distribution and how they are written: those of a family are usually all the same.
    private var bounds: [Double] = []
    private var boundTexts: [[UInt8]] = []

    /// Room for so many bytes at once; it grows.
    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    /// All that was written.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Begins a family. `help` is one line without a backslash.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        self.name = Array(name.utf8)
        bytes.append(contentsOf: "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n".utf8)
    }

    /// A sample that is counted.
    mutating func sample(_ value: UInt64, _ labels: MetricLabels = .none) { sample(text: value.description, labels) }

    /// A sample that is counted and may be negative where something is wrong.
    mutating func sample(_ value: Int, _ labels: MetricLabels = .none) { sample(text: value.description, labels) }

    /// A sample of 1 or 0.
    mutating func sample(_ value: Bool, _ labels: MetricLabels = .none) { sample(text: value ? "1" : "0", labels) }

    /// A sample that is measured.
    mutating func sample(_ value: Double, _ labels: MetricLabels = .none) {
        sample(text: Self.text(value), labels)
    }

    private mutating func sample(text: String, _ labels: MetricLabels) {
        bytes.append(contentsOf: name)
        if !labels.bytes.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes.append(contentsOf: labels.bytes)
            bytes.append(UInt8(ascii: "}"))
        }
        end(text)
    }

    /// A distribution: a bucket counts all values up to its bound, the last one all. Buckets of `distribution` that have no
    /// count are empty.
    mutating func samples(_ distribution: Measurements.Distribution, _ labels: MetricLabels = .none) {
        if distribution.bounds != bounds {
            bounds = distribution.bounds
            boundTexts = bounds.map { Array(Self.text($0).utf8) }
        }
        var count: UInt64 = 0
        for (index, bound) in boundTexts.enumerated() {
            count &+= index < distribution.counts.count ? distribution.counts[index] : 0
            bucket(labels, bound, count)
        }
        for rest in distribution.counts.dropFirst(boundTexts.count) { count &+= rest }
        bucket(labels, Array("+Inf".utf8), count)
        part("_sum", of: labels)
        end(Self.text(distribution.sumSeconds))
        part("_count", of: labels)
        end(count.description)
    }

    private mutating func bucket(_ labels: MetricLabels, _ bound: [UInt8], _ count: UInt64) {
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: "_bucket{".utf8)
        bytes.append(contentsOf: labels.bytes)
        bytes.append(contentsOf: (labels.bytes.isEmpty ? "le=\"" : ",le=\"").utf8)
        bytes.append(contentsOf: bound)
        bytes.append(contentsOf: "\"}".utf8)
        end(count.description)
    }

    private mutating func part(_ suffix: StaticString, of labels: MetricLabels) {
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: suffix.description.utf8)
        guard !labels.bytes.isEmpty else { return }
        bytes.append(UInt8(ascii: "{"))
        bytes.append(contentsOf: labels.bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func end(_ value: String) {
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: value.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// The shortest text that is read as the same number; whole numbers without a point, as Go writes them.
    static func text(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
