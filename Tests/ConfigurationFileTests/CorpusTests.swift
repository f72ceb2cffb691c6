import Testing

@testable import ConfigurationFile

/// Files with mistakes, and all that is said about them: NAME.yaml and NAME.txt. REWRITE=1 writes the latter anew.
@Suite struct CorpusTests {
    @Test(arguments: Folders.files(Folders.wrong))
    func everyMistakeIsExplained(name: String) throws {
        var output = ""
        do throws(Mistakes) {
            try Document.read(Folders.wrong + name, surroundings: .staged).check(.staged)
            Issue.record("\(name) has no mistake")
        } catch {
            output = error.description.split(separator: Folders.wrong, omittingEmptySubsequences: false).joined() + "\n"
        }
        let expected = Folders.wrong + name.dropLast("yaml".count) + "txt"
        if Folders.isRewriting { Folders.write(output, to: expected) }
        #expect(try Folders.text(expected) == output)
    }

    @Test func thereAreManyOfThem() {
        #expect(Folders.files(Folders.wrong).count >= 300)
    }

    /// A line can be read in a terminal, and a reader sees where to look.
    @Test(arguments: Folders.files(Folders.wrong))
    func eachLineFitsATerminal(name: String) throws {
        let text = try Folders.text(Folders.wrong + name.dropLast("yaml".count) + "txt")
        for line in text.split(separator: "\n") { #expect(line.count <= 320, "\(line)") }
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control })
    }

    @Test(arguments: Folders.files(Folders.right))
    func aRightFileHasNoMistake(name: String) throws {
        _ = try Document.read(Folders.right + name, surroundings: .staged)
    }

    /// This version can do all that is in it.
    @Test(arguments: Folders.files(Folders.examples))
    func anExampleCanBeServed(name: String) throws {
        let document = try Document.read(Folders.examples + name, surroundings: .staged)
        try document.check(.staged)
    }
}
