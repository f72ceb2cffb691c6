import Testing

@testable import Reactor

@Suite struct EphemeralPortsTests {
    @Test func theLowestIsTheFirstNumber() {
        #expect(EphemeralPorts.lowest(in: "32768\t60999\n") == 32768)
        #expect(EphemeralPorts.lowest(in: "1024 65535") == 1024)
    }

    @Test(arguments: ["", "\n", "many", "-1 5"]) func whatIsNoNumberIsNotTaken(text: String) {
        #expect(EphemeralPorts.lowest(in: text) == nil)
    }

    @Test func thisMachineHasOne() {
        #expect(EphemeralPorts.lowest() >= 1)
    }
}
