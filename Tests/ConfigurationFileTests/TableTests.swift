import Balancer
import Reactor
import Testing

@testable import ConfigurationFile

/// The table of keys agrees with everything that is made from it.
@Suite struct TableTests {
    private static let keys = Section.all.flatMap { section in section.present.map { (section, $0) } }

    @Test func everyStandardIsAValue() {
        let decoder = Decoder(MistakeList(), .staged)
        for (section, key) in Self.keys {
            let text: String? =
                switch key.absence {
                case .standard(let text): text.isEmpty ? nil : text
                case .inherited(.value(let text)): text
                case .required, .nothing, .inherited: nil
                }
            guard let text else { continue }
            #expect(decoder.standard(text, key.kind) != nil, "\(section.title): \(key.name): \(text)")
        }
    }

    /// What is inherited is in `defaults`, with the same standard.
    @Test func whatIsInheritedHasADefault() throws {
        for (section, key) in Self.keys {
            guard case .inherited(let standard) = key.absence else { continue }
            let inherited = try #require(Section.defaults.key(key.name), "\(section.title): \(key.name)")
            guard case .value(let text) = standard, case .standard(let other) = inherited.absence else { continue }
            #expect(text == other, "\(section.title): \(key.name)")
        }
    }

    @Test func everyExampleIsAValue() throws {
        for (section, key) in Self.keys {
            var mistakes = MistakeList()
            var left = FileLimits.valuesMax
            let source = try SourceText(file: "example", bytes: Array("\(key.name): \(key.example)".utf8))
            let root = try #require(
                TreeBuilder.tree(source, valuesLeft: &left, variable: { _ in nil }, &mistakes), "\(key.example)")
            guard case .map(let entries) = root.content, let entry = entries.first else {
                Issue.record("\(section.title): \(key.example)")
                continue
            }
            var decoder = Decoder(mistakes, .staged)
            _ = decoder.value(entry.value, key.kind, .top, at: entry.keyPlace, base: nil)
            #expect(decoder.mistakes.sorted.list.map(\.headline) == [], "\(section.title): \(key.name)")
        }
    }

    @Test func noKeyStandsTwice() {
        for section in Section.all {
            #expect(Set(section.keys.map(\.name)).count == section.keys.count, "\(section.title)")
        }
    }

    /// The standards of the file are those of the program, so that a file with nothing but backends is the command.
    @Test func standardsAreThoseOfTheProgram() throws {
        let document = try Document.read(text: small())
        let check = document.pools[0].check
        let health = Configuration.HealthCheck()
        #expect(check.interval.value == health.interval)
        #expect(check.timeout.value == health.timeout)
        #expect(check.fall.value == health.fall)
        #expect(check.rise.value == health.rise)
        let timeouts = Configuration.PoolTimeouts()
        #expect(document.pools[0].connectTimeout.value == timeouts.connect)
        #expect(document.pools[0].idleTimeout.value == timeouts.idle)
        #expect(document.process.drainTime.value == Configuration.Timeouts().drain)
        #expect(document.process.busyPoll.value == Configuration.Latency().busyPoll)
        let keepalive = document.pools[0].keepalive
        #expect(keepalive.idle.value == .seconds(Int(Keepalive.standard.idleSeconds)))
        #expect(keepalive.interval.value == .seconds(Int(Keepalive.standard.intervalSeconds)))
        #expect(keepalive.probes.value == Int(Keepalive.standard.count))
    }

    /// Every key of every section has its line, and the file says the same when it is read again.
    @Test func theFullTextSaysTheSame() throws {
        for name in Folders.files(Folders.right) {
            let document = try Document.read(Folders.right + name, surroundings: .staged)
            let again = try Document.read(text: document.fullText)
            #expect(Self.values(document.fields) == Self.values(again.fields), "\(name)")
        }
    }

    /// The values without their places.
    private static func values(_ fields: Fields) -> [String] {
        fields.settings.filter { $0.key != "include" }.flatMap { key, found in
            values(found.value).map { "\(key) \($0)" }
        }.sorted()
    }

    private static func values(_ value: Value) -> [String] {
        switch value {
        case .fields(let fields): values(fields)
        case .named(let list): list.flatMap { named in values(named.fields).map { "\(named.name) \($0)" } }
        case .list(let list): list.enumerated().flatMap { index, found in values(found.value).map { "\(index) \($0)" } }
        default: [value.text ?? "-"]
        }
    }

    @Test func theSchemaHasEveryKeyAndNoOther() throws {
        let text = JSONSchema.text
        for (section, key) in Self.keys {
            #expect(text.contains("\"\(key.name)\": {"), "\(section.title): \(key.name)")
        }
        for key in Section.all.flatMap(\.keys)
        where key.isLater && !Self.keys.contains(where: { $0.1.name == key.name }) {
            #expect(!text.contains("\"\(key.name)\": {"), "\(key.name)")
        }
    }

    /// docs/configuration.md has the tables of the keys as they are. REWRITE=1 puts them there.
    @Test func theReferenceIsThatOfTheTable() throws {
        let path = Folders.package + "docs/configuration.md"
        let marks = ("<!-- keys: made from the table of keys -->\n", "<!-- end of keys -->\n")
        var text = try Folders.text(path)
        let start = try #require(text.firstRange(of: marks.0)).upperBound
        let end = try #require(text.firstRange(of: marks.1)).lowerBound
        let expected = "\n" + Reference.markdown + "\n"
        if Folders.isRewriting {
            text.replaceSubrange(start..<end, with: expected)
            Folders.write(text, to: path)
        } else {
            #expect(String(text[start..<end]) == expected)
        }
    }
}
