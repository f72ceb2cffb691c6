import Testing
import Top

@Suite("Text for a terminal") struct TextTests {
    @Test(
        "what a terminal would obey is written out",
        arguments: [
            ("b2", "b2"), ("\u{1B}[31mred", "\\u{001B}[31mred"), ("a\nb\r\t", "a\\nb\\r\\t"),
            ("\u{9B}2J", "\\u{009B}2J"),
            ("\u{202E}x", "\\u{202E}x"), ("a\u{200B}b", "a\\u{200B}b"), ("größe", "größe"), ("日本", "日本"),
        ])
    func plain(text: String, shown: String) {
        let plain = ShownText.plain(text)
        #expect(plain.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) })
        // The number of digits of an escape is the standard library's.
        #expect(plain.replacing("{1B}", with: "{001B}").replacing("{9B}", with: "{009B}") == shown)
    }

    @Test("columns count wide characters twice and accents not at all")
    func columns() {
        #expect(ShownText.columns("b2") == 2)
        #expect(ShownText.columns("日本") == 4)
        #expect(ShownText.columns("e\u{301}") == 1)
    }

    @Test("text that is too long ends in ~ and is never wider than its room", arguments: 0...12)
    func fitted(room: Int) {
        for text in ["short", "日本語日本語", "a longer text than that", "mixed 日本"] {
            let fitted = ShownText.fitted(text, columns: room)
            #expect(ShownText.columns(fitted) <= room)
            #expect(fitted == text || fitted.hasSuffix("~") || fitted.isEmpty)
        }
    }

    @Test("wrapped text loses no word, and no line is wider than its room", arguments: [1, 5, 10, 40])
    func wrapped(room: Int) {
        let text = "Backend web/b3 is down: connect: Connection refused"
        let lines = ShownText.wrapped(text, columns: room)
        #expect(lines.allSatisfy { ShownText.columns($0) <= room })
        #expect(lines.joined().filter { $0 != " " } == text.filter { $0 != " " })
        #expect(ShownText.wrapped("", columns: room) == [""])
    }

    @Test("figures have at most six characters")
    func figures() {
        #expect(Figures.grouped(1_234_567) == "1,234,567" && Figures.grouped(-1000) == "-1,000")
        #expect(Figures.short(0.0) == "0" && Figures.short(3.44) == "3.4" && Figures.short(12_340.0) == "12.3k")
        #expect(Figures.age(192) == "3m12s" && Figures.age(600) == "10m" && Figures.age(11_520) == "3h12m")
        #expect(Figures.time(96e-6) == "96us" && Figures.time(0.0004) == "0.4ms" && Figures.time(2.5) == "2.5s")
        var number = 0.001
        while number < 1e20 {
            for text in [Figures.short(number), Figures.time(number), Figures.age(min(number, 1e9))] {
                #expect(text.count <= 6, "\(number): \(text)")
            }
            number *= 1.7
        }
        for strange in [Double.nan, .infinity, -.infinity, -1] {
            #expect([Figures.short(strange), Figures.age(strange), Figures.time(strange)].allSatisfy { !$0.isEmpty })
        }
    }

    @Test(
        "a table leaves out the columns of the highest rank, then cuts, and is never wider than its room",
        arguments: 0...60)
    func table(room: Int) {
        var table = Table([
            .init("NAME", columnsCut: 6), .init("STATE"), .init("COUNT", isRight: true, rank: 1),
            .init("NOTE", rank: 2),
        ])
        table.add([.init("a-long-name"), .init("up"), .init("12"), .init("a note")])
        table.add([.init("日本語"), .init("down"), .init("3")])
        let (titles, rows) = table.lines(columns: room)
        for line in [titles] + rows { #expect(line.columns <= room) }
        if room >= 60 { #expect(rows[0].text == "a-long-name  up        12  a note") }
        if room == 22 { #expect(titles.text == "NAME     STATE  COUNT" || !titles.text.contains("NOTE")) }
        if room >= 20 { #expect(rows[1].text.contains("down")) }
    }

    @Test("columns stand below each other, also with wide characters")
    func alignment() {
        var table = Table([.init("NAME"), .init("STATE")])
        table.add([.init("日本"), .init("up")])
        table.add([.init("b2"), .init("down")])
        let (_, rows) = table.lines(columns: nil)
        #expect(rows.map(\.text) == ["日本  up", "b2    down"])
        // A terminal that counts otherwise is told the column.
        #expect(rows[0].written(colour: false).contains("\u{1B}[5G"))
        #expect(!rows[1].written(colour: false).contains("\u{1B}"))
    }
}
