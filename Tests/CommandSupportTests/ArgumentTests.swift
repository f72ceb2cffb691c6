import Testing

@testable import CommandSupport

/// The message of the fault that `body` throws; nil when it throws none.
private func fault(_ body: () throws(ArgumentFault) -> Void) -> String? {
    do throws(ArgumentFault) {
        try body()
        return nil
    } catch {
        return error.description
    }
}

@Suite struct DurationRangeTests {
    private static let all = DurationRange(.zero ... .seconds(365 * 86_400))

    @Test(arguments: [
        ("5", 5000), ("5s", 5000), ("500ms", 500), ("1.5s", 1500), ("2m", 120_000), ("1h", 3_600_000), ("0", 0),
        ("0ms", 0), ("8760h", 31_536_000_000), ("2d", 172_800_000), ("365d", 31_536_000_000), ("0.5d", 43_200_000),
    ])
    func durationsAreParsed(text: String, milliseconds: Int64) throws {
        #expect(try Self.all.parse(text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "s", "ms", "-1", "-5s", "+5s", "5 s", " 5", "5S", "5D", "5w", "1e3", "1.2.3", ".", "nan", "inf", "0x10",
        "5ss", "5sec", "٥s",
    ])
    func theFaultOfOtherTextHasFormatAndBounds(text: String) {
        let message = fault { () throws(ArgumentFault) in _ = try Self.all.parse(text) }
        #expect(message?.contains("0s to 365d") == true)
        #expect(message?.contains(DurationRange.format) == true)
    }

    @Test(arguments: ["8761h", "366d", "99999999999999999999", "9ms", "0s", "0.004s"])
    func theFaultOfADurationOutOfBoundsHasTheBounds(text: String) {
        let range = DurationRange(.milliseconds(10) ... .seconds(365 * 86_400))
        let message = fault { () throws(ArgumentFault) in _ = try range.parse(text) }
        #expect(message?.contains("10ms to 365d") == true)
    }

    private static let short = DurationRange(.microseconds(1) ... .milliseconds(1))

    @Test(arguments: [("20us", 20), ("0.5ms", 500), ("1ms", 1000), ("1us", 1), ("0.0005s", 500)])
    func shortDurationsAreParsed(text: String, microseconds: Int64) throws {
        #expect(try Self.short.parse(text) == .microseconds(microseconds))
    }

    @Test(arguments: ["0us", "2ms", "1001us", "20", "5s", "20parsecs", "0.1us", "0.6us"])
    func theFaultOfAShortDurationHasItsBounds(text: String) {
        let message = fault { () throws(ArgumentFault) in _ = try Self.short.parse(text) }
        #expect(message?.contains("1us to 1ms") == true)
    }

    /// Nobody means a timeout of microseconds.
    @Test func microsecondsAreForShortDurationsOnly() {
        let message = fault { () throws(ArgumentFault) in _ = try Self.all.parse("20us") }
        #expect(message?.contains(DurationRange.format) == true)
    }

    @Test(arguments: [
        (["--look"], ["--look=always"]), (["--look", "20us"], ["--look", "20us"]),
        (["--look", "always"], ["--look", "always"]), (["--look=5us"], ["--look=5us"]),
        (["--look", "0.0.0.0", "HOST:80"], ["--look=always", "0.0.0.0", "HOST:80"]),
        (["--look", "--other", "x"], ["--look=always", "--other", "x"]),
        (["--look", "8090"], ["--look=always", "8090"]), (["--look", "2a01::1"], ["--look=always", "2a01::1"]),
        (["--look", "1a.example:80"], ["--look=always", "1a.example:80"]),
        (["--look", "on"], ["--look", "on"]), (["--look", "Off"], ["--look", "Off"]),
        (["--look", "20parsecs"], ["--look", "20parsecs"]), (["--", "--look"], ["--", "--look"]), ([], []),
    ])
    func aValueMayBeLeftOut(arguments: [String], completed: [String]) {
        #expect(ArgumentLine(arguments).completed(["--look": ["always", "off"]]) == completed)
    }

    @Test(arguments: ["5s", "500ms", "1500ms", "2m", "1h", "90m", "0s", "1d", "36h"])
    func aDurationPrintsAsItWasParsed(text: String) throws {
        #expect(DurationRange.text(try Self.all.parse(text)) == text)
    }
}

@Suite struct NumberTests {
    @Test(arguments: [("1", 1), ("80", 80), ("65535", 65535), ("00080", 80)])
    func portsAreParsed(text: String, port: UInt16) {
        #expect(Port(argument: text)?.rawValue == port)
    }

    @Test(arguments: ["", "0", "65536", "-1", "+1", " 80", "80 ", "http", "8_0", "٨٠", "1.0", "99999999999999999999"])
    func otherTextIsNoPort(text: String) {
        #expect(Port(argument: text) == nil)
        #expect(fault { () throws(ArgumentFault) in _ = try Port.parse(text) }?.contains("1 to 65535") == true)
    }

    @Test(arguments: ["nan", "inf", "1e3", "-1", "0x1", "", "61", "0.04"])
    func theFaultOfAFractionHasItsBounds(text: String) {
        let range = NumberRange(0.05...60.0)
        #expect(fault { () throws(ArgumentFault) in _ = try range.parse(text) }?.contains("0.05 to 60 ") == true)
    }
}

@Suite struct HostPortTests {
    @Test(arguments: [
        ["10.0.0.5", "80", "db", "81", "::1", "82"], ["10.0.0.5:80", "db:81", "[::1]:82"],
        ["10.0.0.5", "80", "db:81", "::1", "82"], ["10.0.0.5:80", "db", "81", "[::1]", "82"],
    ])
    func bothFormsAreTheSameBackends(arguments: [String]) throws {
        let list = try HostPort.list(arguments)
        #expect(list.map(\.host.text) == ["10.0.0.5", "db", "::1"])
        #expect(list.map(\.port.rawValue) == [80, 81, 82])
    }

    @Test(arguments: [
        (["db"], "'db' has no port"), (["db:80", "::1"], "'::1' has no port"), (["::1:80"], "[ADDRESS]:PORT"),
        (["db", "x"], "port 'x' of backend 'db'"), (["db:x"], "port 'x' of backend 'db'"), (["db:"], "port '' of"),
        (["db", "0"], "1 to 65535"), (["[::1]:65536"], "1 to 65535"), (["db", "-1"], "1 to 65535"),
        (["80", "db"], "'80'"), (["db", "80", "81"], "'81'"), ([":80"], "backend ''"), (["", "80"], "backend ''"),
        (["http://db:80", "80"], "URL"), (["a:b:c", "80"], "[ADDRESS]:PORT"), (["[db]:80"], "'[db]'"),
        (["[::1", "80"], "'[::1'"), (["[]:80"], "'[]'"), (["fe80::1", "80"], "%eth0"), (["[fe80::1]:80"], "%eth0"),
        (["fe80::1%nowhere", "80"], "'nowhere'"), (["10.0.0.256", "80"], "0 to 255"), (["10.0.0", "80"], "0 to 255"),
        (["a b", "80"], "'a b'"), (["a/b", "80"], "'a/b'"), (["*", "80"], "'*'"),
    ])
    func theFaultNamesTheArgumentAndTheRemedy(arguments: [String], part: String) {
        let message = fault { () throws(ArgumentFault) in _ = try HostPort.list(arguments) }
        #expect(message?.contains(part) == true, "\(message ?? "no fault")")
    }

    @Test func aHostWithAPortIsExplainedWhereBothAreApart() {
        let message = fault { () throws(ArgumentFault) in _ = try HostArgument("127.0.0.1:20000") }
        #expect(message?.contains("127.0.0.1 20000") == true)
    }
}
