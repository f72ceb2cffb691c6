import Testing
import Top

@Suite("Keys") struct KeyTests {
    private func keys(_ bytes: [UInt8]) -> [Key] {
        var reader = KeyReader()
        return bytes.flatMap { reader.read($0) }
    }

    @Test("letters, Return, Ctrl, cursor keys in both of their forms")
    func plain() {
        #expect(keys(Array("q/\r".utf8)) == [.character("q"), .character("/"), .enter])
        #expect(keys([3, 0x1A, 0x7F]) == [.control("c"), .control("z"), .backspace])
        #expect(keys(Array("\u{1B}[A\u{1B}OB\u{1B}[5~\u{1B}[1;5H".utf8)) == [.up, .down, .pageUp, .home])
        #expect(keys(Array("é日".utf8)) == [.character("é"), .character("日")])
    }

    @Test("Escape alone is a key once nothing follows, or a plain key does")
    func escape() {
        var reader = KeyReader()
        #expect(reader.read(0x1B).isEmpty && reader.isInEscape)
        #expect(reader.endEscape() == .escape && !reader.isInEscape && reader.endEscape() == nil)
        #expect(keys([0x1B, UInt8(ascii: "q")]) == [.escape, .character("q")])
        #expect(keys([0x1B, 0x1B, UInt8(ascii: "["), UInt8(ascii: "A")]) == [.escape, .up])
    }

    @Test("no bytes crash it, and none becomes a character that a terminal obeys")
    func nonsense() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let bytes = (0..<64).map { _ in UInt8.random(in: 0...255, using: &generator) }
            for case .character(let character) in keys(bytes) {
                #expect(ShownText.plain(String(character)) == String(character), "\(bytes)")
            }
        }
        #expect(keys(Array("\u{1B}[99999999999999999999~q".utf8)) == [.character("q")])
    }
}
