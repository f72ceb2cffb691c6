import Balancer
import Reactor
import TestSupport
import Testing

@testable import ConfigurationFile

/// Files that are nearly right: whatever is in them, reading ends, with a document or with mistakes that have their places.
/// RUNS sets how many are made of each file, SEED which: the stage `fuzz` of .ci/run makes more.
@Suite struct MutationTests {
    private static let runs = Environment.value("RUNS").flatMap { Int($0) } ?? 60
    private static let seed = Environment.value("SEED").flatMap { UInt64($0) } ?? 17

    private static let pieces: [String] = [
        "*a", "&a ", "<<: *a", "${", "${PORT}", "$", "$$", "[", "]", "{", "}", ": ", "- ", "? ", "\t", "\0", "\n", "\r",
        "\"", "'", "|\n", ">-\n", "#", "%", "@", "`", "!!int ", "!x ", "---\n", "...\n", "~", "null", "-1", "1e9",
        "99999999999999999999",
        "\u{FEFF}", "\u{85}", "\u{2028}", "\u{E000}", "[::]:80", "0.0.0.0:1-65535", "drain", "x-", "\\x41", "\u{1F600}",
        "include: balancer.yaml\n", "{file: networks.txt}", "10.0.0.0/8", "::/0", "*.example.org: web", "10/s", "close",
        "server_name: {routes: {a.example: web}}\n", "v1", "backends", "pools:\n",
        "  ", "[[[[[[[[", "{{{{{{{{", "- - - - ",
    ]

    private static func mutate(_ bytes: [UInt8], _ dice: inout SplitMix64) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &dice) {
            guard !bytes.isEmpty else { break }
            let place = Int.random(in: 0..<bytes.count, using: &dice)
            let end = min(bytes.count, place + Int.random(in: 1...40, using: &dice))
            switch Int.random(in: 0..<6, using: &dice) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &dice)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &dice))
            case 3: bytes.removeSubrange(place...)
            default:
                guard let piece = pieces.randomElement(using: &dice) else { break }
                bytes.insert(contentsOf: piece.utf8, at: place)
            }
        }
        return bytes
    }

    @Test(
        .timeLimit(.minutes(5)),
        arguments: [Folders.right, Folders.examples].flatMap { folder in
            Folders.files(folder).map { folder + $0 }
        })
    func nothingEndsTheProgram(path: String) throws {
        let bytes = try FileReader.read(path)
        for run in 0..<Self.runs {
            var dice = SplitMix64(seed: Self.seed &+ UInt64(run) &* 1_000_003)
            let changed = Self.mutate(bytes, &dice)
            do throws(Mistakes) {
                let document = try Document.read(bytes: changed)
                Self.expectSame(document, "seed \(Self.seed), run \(run)")
                try document.check(.staged)
                _ = try document.configuration(.staged)
            } catch {
                #expect(!error.list.isEmpty, "seed \(Self.seed), run \(run)")
                for mistake in error.list {
                    let place = mistake.place.map { $0.line >= 1 && $0.column >= 1 } ?? true
                    #expect(place && !mistake.reason.isEmpty, "seed \(Self.seed), run \(run): \(mistake)")
                }
            }
        }
    }

    /// What `config --full` prints is a file without mistakes, and is printed the same again. It has the listeners and pools
    /// of all files, so it includes none.
    private static func expectSame(_ document: Document, _ comment: Comment) {
        let text = document.fullText
        do throws(Mistakes) {
            let again = try Document.read(text: text)
            #expect(again.listeners.count == document.listeners.count, comment)
            #expect(again.pools.map(\.backends.count) == document.pools.map(\.backends.count), comment)
            let (own, others) = (try? document.configuration(.staged), try? again.configuration(.staged))
            #expect(own?.listeners == others?.listeners && own?.pools == others?.pools, comment)
        } catch {
            Issue.record("\(comment): \(error)\n\(text)")
        }
    }

    /// Nine levels of nine aliases each are 400 million values.
    @Test func aliasesOfAliasesAreCounted() {
        var text = "x-0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        for level in 1...9 {
            text += "x-\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n"
        }
        let mistakes = Document.mistakes(in: text + small())
        #expect(mistakes.count == 1)
        #expect(mistakes.first?.contains("more than 200000 values") == true)
    }

    /// The library would compare such keys, for as long as it takes.
    @Test(arguments: ["? *a9\n: 1\n", "{*a9: 1, *a9 : 2}\n", "? [*a9]\n: 1\n"])
    func aliasesOfAliasesAreNoKeys(key: String) {
        var text = "x-0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        for level in 1...9 {
            text += "x-\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n"
        }
        let mistakes = Document.mistakes(in: text + key)
        #expect(mistakes.count == 1)
        #expect(mistakes.first?.contains("a key that is more than a word") == true, "\(mistakes)")
    }

    @Test(arguments: ["[", "{a: ", "- ", "? "])
    func whatIsDeepEnds(piece: String) {
        for depth in [40, 900, 5000, 200_000] {
            let mistakes = Document.mistakes(in: "x-a: \n  " + String(repeating: piece, count: depth))
            #expect(!mistakes.isEmpty, "\(depth)")
        }
    }

    @Test func manyDuplicatesEndInTime() {
        let lines = (0..<4000).map { "  key\($0 % 2000): 1\n" }.joined()
        #expect(!Document.mistakes(in: "x-a:\n" + lines + small()).isEmpty)
    }

    @Test(.timeLimit(.minutes(1))) func manyMistakesEndInTime() {
        let keys = (0..<50_000).map { "key\($0): 1\n" }.joined()
        #expect(Document.mistakes(in: keys + small()).count == MistakeList.reportedMax)
    }

    @Test func thereIsABoundOnWhatIsPrinted() throws {
        let error = #expect(throws: Mistakes.self) {
            _ = try Document.read(text: small((0..<300).map { "    key\($0): 1\n" }.joined()))
        }
        #expect(error?.list.count == MistakeList.reportedMax)
        #expect(error?.others == 200)
        #expect(error?.description.hasSuffix("... and 200 more\n300 mistakes") == true)
    }
}
