import Testing

@testable import Chat

@Suite struct LineEditorTests {
    /// What the keys lead to, apart from editing.
    private func type(_ keys: String, into editor: inout LineEditor) -> [LineEditor.Outcome] {
        var outcomes: [LineEditor.Outcome] = []
        for byte in keys.utf8 {
            let outcome = editor.type(byte)
            if outcome != .editing { outcomes.append(outcome) }
        }
        return outcomes
    }

    private func typed(_ keys: String) -> String {
        var editor = LineEditor()
        _ = type(keys, into: &editor)
        return editor.text
    }

    /// The row as the terminal shows it, and the cursor's column.
    private func picture(_ editor: inout LineEditor, columns: Int) -> (row: String, cursor: Int) {
        var output: [UInt8] = []
        editor.draw(columns: columns, into: &output)
        let parts = String(decoding: output, as: UTF8.self).split(separator: "\r", omittingEmptySubsequences: false)
        let moves = parts[2].dropFirst(2).dropLast()
        return (String(parts[1].dropFirst(3)), Int(moves) ?? 0)
    }

    @Test func returnGivesTheLine() {
        var editor = LineEditor()
        #expect(type("hello\r", into: &editor) == [.line("hello")])
        #expect(editor.isEmpty)
        #expect(type("one\ntwo\n\nthr", into: &editor) == [.line("one"), .line("two"), .line("")])
        #expect(editor.text == "thr")
    }

    @Test func keysEdit() {
        #expect(typed("abc\u{7F}") == "ab")
        #expect(typed("한국\u{7F}") == "한")
        #expect(typed("\u{7F}") == "")
        #expect(typed("abc\u{1B}[D\u{1B}[DX") == "aXbc")
        #expect(typed("abc\u{1B}[D\u{1B}[D\u{1B}[CX") == "abXc")
        #expect(typed("abc\u{1B}[HX\u{1B}[FY") == "XabcY")
        #expect(typed("abc\u{1B}OHX\u{1B}OFY") == "XabcY")
        #expect(typed("abc\u{1B}[1~X\u{1B}[4~Y") == "XabcY")
        #expect(typed("abc\u{01}X\u{05}Y") == "XabcY")
        #expect(typed("abc\u{01}\u{1B}[3~") == "bc")
        #expect(typed("abc def\u{1B}[D\u{15}") == "f")
        #expect(typed("abc def  \u{17}") == "abc ")
        #expect(typed("abc\u{17}\u{17}") == "")
    }

    @Test func keysBeyondTheAlphabetDoNothing() {
        #expect(typed("a\u{1B}[A\u{1B}[B\u{1B}[5~\u{1B}[1;5P\u{1B}xb\u{00}\u{1A}") == "ab")
        #expect(typed("a\u{1B}[1;5DX") == "Xa")
        #expect(typed("a\u{1B}[99999999999999999999~b") == "ab")
    }

    @Test func theEndOfInputIsOnlyAtAnEmptyLine() {
        var editor = LineEditor()
        #expect(type("\u{04}", into: &editor) == [.endOfInput])
        #expect(type("ab\u{01}\u{04}", into: &editor) == [])
        #expect(editor.text == "b")
        #expect(type("\u{03}", into: &editor) == [.interrupt])
    }

    @Test func bytesThatAreNoTextDoNoHarm() {
        var editor = LineEditor()
        for byte: UInt8 in [0x61, 0xED, 0x62, 0xFF, 0xC2, 0x9B, 0x63] { _ = editor.type(byte) }
        #expect(editor.text == "a\u{FFFD}b\u{FFFD}c")
    }

    @Test func aMarkJoinsItsCharacter() {
        #expect(typed("e\u{301}x\u{7F}\u{7F}") == "")
    }

    @Test func wideCharactersTakeTwoColumns() {
        var editor = LineEditor()
        _ = type("한국어", into: &editor)
        #expect(picture(&editor, columns: 80) == ("한국어", 6))
        _ = type("\u{1B}[D", into: &editor)
        #expect(picture(&editor, columns: 80) == ("한국어", 4))
    }

    @Test func aLongLineScrolls() {
        var editor = LineEditor()
        _ = type("0123456789", into: &editor)
        #expect(picture(&editor, columns: 6) == ("56789", 5))
        _ = type("\u{1B}[D\u{1B}[D", into: &editor)
        #expect(picture(&editor, columns: 6) == ("56789", 3))
        _ = type("\u{01}", into: &editor)
        #expect(picture(&editor, columns: 6) == ("01234", 0))
        _ = type("\u{05}", into: &editor)
        #expect(picture(&editor, columns: 6) == ("56789", 5))
        // A character of two columns is shown whole or not at all.
        _ = type("\u{15}한국어", into: &editor)
        #expect(picture(&editor, columns: 6) == ("국어", 4))
    }

    @Test func theLineHasALimit() {
        let long = String(repeating: "x", count: LineEditor.charactersMax + 5)
        #expect(typed(long).count == LineEditor.charactersMax)
    }
}
