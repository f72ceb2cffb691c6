import Testing

@testable import Balancer

@Suite struct HalfRelayTests {
    @Test func aLargeReadBeginsSplicingAndAFewSmallOnesEndIt() {
        var half = HalfRelay()
        half.noteRead(isLarge: false)
        #expect(half.splicesLeft == 0)
        half.noteRead(isLarge: true)
        for _ in 1..<Limits.smallSplicesMax { half.noteRead(isLarge: false) }
        #expect(half.splicesLeft == 1)
        half.noteRead(isLarge: false)
        #expect(half.splicesLeft == 0)
        half.noteRead(isLarge: false)
        #expect(half.splicesLeft == 0)
    }

    @Test func aLargeReadInBetweenBeginsAnew() {
        var half = HalfRelay()
        half.noteRead(isLarge: true)
        half.noteRead(isLarge: false)
        half.noteRead(isLarge: true)
        #expect(half.splicesLeft == Limits.smallSplicesMax)
    }
}
