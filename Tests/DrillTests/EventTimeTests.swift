import Drill
import Testing

/// Times of events as numbers.
@Suite("Drill: times of events")
struct EventTimeTests {
    @Test(
        "a time of RFC 3339 is so many seconds since 1970",
        arguments: [
            ("1970-01-01T00:00:00Z", 0.0), ("1970-01-01T00:00:00.250Z", 0.25),
            ("2000-03-01T00:00:00.000Z", 951_868_800),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199.999), ("2026-11-27T21:54:27.421Z", 1_795_816_467.421),
        ])
    func right(text: String, seconds: Double) throws {
        let found = try #require(EventTime.seconds(text))
        #expect(abs(found - seconds) < 0.0005)
    }

    @Test(
        "anything else is none",
        arguments: [
            "", "yesterday", "2026-11-27 21:54:27Z", "2026-11-27T21:54:27", "2026-13-27T21:54:27Z",
            "2026-11-27T21:54:27.Z",
            "2026-11-27T21:54:27,5Z", "2026-11-27T21:54:xxZ", "2026-11-27T21:54:27.1234567890Z",
        ])
    func wrong(text: String) { #expect(EventTime.seconds(text) == nil) }
}
