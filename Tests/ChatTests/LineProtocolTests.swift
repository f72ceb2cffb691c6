import Testing

@testable import Chat

@Suite struct LineProtocolTests {
    private func encode(_ pieces: [String], name: String = "test1", finish: Bool = false) throws -> String {
        var encoder = LineEncoder(name: try ChatName(name))
        var output: [UInt8] = []
        for piece in pieces { encoder.encode(Array(piece.utf8).span, into: &output) }
        if finish { encoder.finish(into: &output) }
        return String(decoding: output, as: UTF8.self)
    }

    @Test func aLineIsExactlyTheseBytes() throws {
        let wire = try encode(["hello\n"])
        #expect(Array(wire.utf8) == Array("[test1] hello\n".utf8))
        #expect(wire.utf8.count == 14)
    }

    @Test func linesLeaveWhole() throws {
        #expect(try encode(["he", "llo", "\nsecond\nthi"]) == "[test1] hello\n[test1] second\n")
        #expect(try encode(["\n"]) == "[test1] \n")
        #expect(try encode(["안", "녕\n"]) == "[test1] 안녕\n")
    }

    @Test func theLastLineNeedsNoLineBreak() throws {
        #expect(try encode(["a\nb"], finish: true) == "[test1] a\n[test1] b\n")
        #expect(try encode(["a\n"], finish: true) == "[test1] a\n")
        #expect(try encode([], finish: true) == "")
        #expect(try encode(["q"], finish: true) == "")
    }

    @Test(arguments: ["q", "Q"]) func aFarewellEndsEverything(letter: String) throws {
        #expect(try encode(["a\n\(letter)\nb\n"], finish: true) == "[test1] a\n")
    }

    @Test(arguments: ["qq", " q", "q ", "q\r", "quit"]) func onlyTheLetterAloneIsAFarewell(line: String) throws {
        #expect(try encode([line + "\n", "b\n"]) == "[test1] \(line)\n[test1] b\n")
    }

    @Test func aLineBeyondTheLimitStaysOneLine() throws {
        let long = String(repeating: "x", count: 3 * LineProtocol.lineBytesMax + 1)
        #expect(try encode([long, "\nq\n"]) == "[test1] \(long)\n")
        let exact = String(repeating: "y", count: LineProtocol.lineBytesMax)
        #expect(try encode([exact + "\n", "b"], finish: true) == "[test1] \(exact)\n[test1] b\n")
        // What follows a full block is not a line of its own, even if it looks like a farewell.
        #expect(try encode([exact + "q\n", "b\n"]) == "[test1] \(exact)q\n[test1] b\n")
    }

    @Test func namesAreChecked() throws {
        #expect(throws: ChatNameError.empty) { try ChatName("") }
        #expect(throws: ChatNameError.tooLong) { try ChatName(String(repeating: "n", count: 65)) }
        for text in ["a\nb", "a\rb", "\u{1B}[2J", "a\u{85}b", "a\u{2028}b", "a\u{9B}b"] {
            #expect(throws: ChatNameError.controlCharacter) { try ChatName(text) }
        }
        #expect(try ChatName("김진수 1").text == "김진수 1")
    }
}

@Suite struct VisibleTextTests {
    private func visible(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        VisibleText.append(bytes.span, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test func controlBytesOfOthersAreShownAndNotObeyed() {
        #expect(visible(Array("a\u{1B}[2J\u{07}\r\n\tb\u{7F}".utf8)) == "a^[[2J^G^M\n\tb^?")
        #expect(visible(Array("\u{9B}31m".utf8)) == "<9B>31m")
        #expect(visible([0x9B, 0x33, 0xFF, 0xC2]) == "<9B>3<FF><C2>")
        #expect(visible([0]) == "^@")
    }

    @Test func textStaysAsItIs() {
        let text = "héllo 안녕 👩‍👩‍👧 \u{A0}\n"
        #expect(visible(Array(text.utf8)) == text)
    }

    @Test func everyPairOfBytesIsHarmless() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let output = visible([first, second, 0x41]).unicodeScalars
                #expect(!output.contains { $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t" })
            }
        }
    }

    @Test func widthsAreThoseOfATerminal() {
        let widths: [(Character, Int)] = [
            ("a", 1), ("é", 1), ("한", 2), ("漢", 2), ("ｱ", 1), ("ア", 2), ("👍", 2), ("e\u{301}", 1),
            ("\u{1112}\u{1161}", 2),
        ]
        for (character, width) in widths { #expect(VisibleText.columns(of: character) == width, "\(character)") }
    }
}
