import TestSupport
import Testing

@testable import Balancer

@Suite struct AgentStandingTests {
    private static func standing(_ lines: String...) -> (standing: AgentStanding, unknown: [String]) {
        var standing = AgentStanding()
        var unknown: [String] = []
        for line in lines {
            unknown += standing.take(Array(line.utf8)).map { String(decoding: $0, as: UTF8.self) }
        }
        return (standing, unknown)
    }

    /// As HAProxy has it: a description begins with a word of its own.
    @Test func aHashWithinAWordIsNoDescription() {
        let (standing, unknown) = Self.standing("stopped#now up")
        #expect(!standing.isDown && unknown == ["stopped#now"], "\(unknown)")
    }

    @Test(arguments: ["down", "fail", "stopped", "DOWN # for a while", "stopped #now up"]) func down(line: String) {
        #expect(Self.standing(line).standing.isDown)
        #expect(Self.standing(line).unknown.isEmpty)
        #expect(!Self.standing(line, "up\r").standing.isDown)
        // Neither takes back what the other has said.
        #expect(Self.standing(line, "ready").standing.isDown)
        #expect(Self.standing(line, "").standing.isDown)
    }

    @Test(arguments: ["drain", "maint", "Maint # disk"]) func away(line: String) {
        let standing = Self.standing(line).standing
        #expect(standing.isAway && !standing.isDown && standing.weight(of: 256) == 0)
        #expect(Self.standing(line, "up").standing.isAway)
        #expect(!Self.standing(line, "ready").standing.isAway)
    }

    @Test func weights() {
        let half = Self.standing("50%").standing
        #expect([0, 1, 3, 100, 256].map { half.weight(of: $0) } == [0, 1, 1, 50, 128])
        #expect(Self.standing("0%").standing.weight(of: 10) == 0)
        #expect(Self.standing("1%").standing.weight(of: 10) == 1)
        #expect(Self.standing("300%").standing.weight(of: 100) == 256)
        #expect(Self.standing("2147483647%").standing.weight(of: 256) == 256)
        #expect(Self.standing("0%", "75%").standing.weight(of: 100) == 75)
    }

    @Test func limits() {
        #expect(Self.standing("up").standing.sessionsMax(of: 7) == 7)
        #expect(Self.standing("maxconn:30").standing.sessionsMax(of: 7) == 30)
        #expect(Self.standing("maxconn:30").standing.sessionsMax(of: nil) == 30)
        #expect(Self.standing("maxconn:0").standing.sessionsMax(of: 7) == nil)
    }

    @Test func severalWordsInAnyOrder() {
        let (standing, unknown) = Self.standing("\tmaxconn:5,75% ready,up , drain # 10% and more\r")
        #expect(unknown.isEmpty && standing.isAway && !standing.isDown && standing.percent == 75)
        #expect(standing.sessionsMax(of: nil) == 5)
    }

    @Test(arguments: ["sideways", "-5%", "5", "%", "maxconn:", "maxconn:-1", "99999999999%", "\u{FFFD}"])
    func whatMeansNothingChangesNothing(word: String) {
        let (standing, unknown) = Self.standing("\(word) 50%")
        #expect(unknown == [word] && standing.percent == 50 && !standing.isDown && !standing.isAway)
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func anyBytesAreTaken(seed: UInt64) {
        var dice = SplitMix64(seed: seed)
        var standing = AgentStanding()
        for _ in 0..<500 {
            _ = standing.take(
                (0..<Int.random(in: 0...30, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice) })
            #expect((0...Limits.weightMax).contains(standing.weight(of: Limits.weightMax)), "seed \(seed)")
        }
    }
}
