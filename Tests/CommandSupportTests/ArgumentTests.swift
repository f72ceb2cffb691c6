import CommandSupport
import Testing

@Suite struct ArgumentTests {
    @Test(arguments: [
        ("5", 5000), ("5s", 5000), ("500ms", 500), ("1.5s", 1500), ("2m", 120_000), ("1h", 3_600_000), ("0", 0),
        ("0ms", 0), ("8760h", 31_536_000_000),
    ])
    func durationsAreParsed(text: String, milliseconds: Int64) {
        #expect(DurationArgument(argument: text)?.duration == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "s", "ms", "-1", "-5s", "+5s", "5 s", " 5", "5S", "5d", "1e3", "1.2.3", ".", "nan", "inf", "0x10", "8761h",
        "99999999999999999999", "5ss", "٥s",
    ])
    func otherTextIsNoDuration(text: String) {
        #expect(DurationArgument(argument: text) == nil)
    }

    @Test(arguments: ["5s", "500ms", "1500ms", "2m", "1h", "90m", "0s"])
    func aDurationPrintsAsItWasParsed(text: String) {
        #expect(DurationArgument(argument: text)?.description == text)
    }

    @Test(arguments: [("1", 1), ("80", 80), ("65535", 65535), ("00080", 80)])
    func portsAreParsed(text: String, port: UInt16) {
        #expect(Port(argument: text)?.rawValue == port)
    }

    @Test(arguments: ["", "0", "65536", "-1", "+1", " 80", "80 ", "http", "8_0", "٨٠", "1.0", "99999999999999999999"])
    func otherTextIsNoPort(text: String) {
        #expect(Port(argument: text) == nil)
    }
}
