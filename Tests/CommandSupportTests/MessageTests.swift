import CommandSupport
import Testing

@Suite struct SuggestionTests {
    private static let options = [
        "--port", "--probe-interval", "--probe-timeout", "--connect-timeout", "--idle-timeout", "--sessions-max",
        "--fall",
        "--rise", "--log", "--fast-open", "--admin-socket", "--help",
    ]

    @Test(arguments: [
        ("--prot", ["--port"]), ("--PORT", ["--port"]), ("--probe_interval", ["--probe-interval"]),
        ("--timeout", ["--probe-timeout", "--connect-timeout", "--idle-timeout"]), ("--sessionmax", ["--sessions-max"]),
        ("--max-session", ["--sessions-max"]), ("--loglevel", ["--log"]), ("--fal", ["--fall"]),
        ("---port", ["--port"]),
        ("--probe", ["--probe-interval", "--probe-timeout"]), ("-port", ["--port"]),
    ])
    func aSlipOrASharedWordIsRecognised(word: String, names: [String]) {
        #expect(Suggestion.nearest(word, among: Self.options) == names)
    }

    @Test(arguments: ["", "--", "-p", "--xyzzy", "--verbose", "--\u{E9}", String(repeating: "port-", count: 20_000)])
    func whatResemblesNothingGetsNoSuggestion(word: String) {
        #expect(Suggestion.nearest(word, among: Self.options) == [])
        #expect(Suggestion.question(word, among: Self.options) == nil)
    }

    @Test func theQuestionNamesAll() {
        #expect(Suggestion.question("fal", among: ["fall"]) == "did you mean 'fall'?")
        #expect(Suggestion.question("a-time", among: ["b-time", "c-time"]) == "did you mean 'b-time' or 'c-time'?")
        #expect(
            Suggestion.question("time", among: ["one-time", "two-time", "six-time"])
                == "did you mean 'one-time', 'two-time' or 'six-time'?")
    }
}

@Suite struct ErrorTextTests {
    @Test(arguments: [
        ("plain 'text', 日本", "plain 'text', 日本"), ("a\nb\tc", #"a\nb\tc"#), ("'\u{1B}[31m'", #"'\u{1B}[31m'"#),
        ("\u{2028}\u{202E}\u{9B}", #"\u{2028}\u{202E}\u{009B}"#),
    ])
    func whatATerminalObeysIsWrittenOut(text: String, shown: String) {
        #expect(ErrorText.line(text) == shown)
    }

    @Test func aLongQuotationLosesItsMiddle() {
        let shown = ErrorText.line("port '\(String(repeating: "9", count: 100_000))' is wrong")
        #expect(shown.hasPrefix("port '999"))
        #expect(shown.hasSuffix("999 (100000 bytes)' is wrong"))
        #expect(shown.utf8.count < 200)
    }
}
