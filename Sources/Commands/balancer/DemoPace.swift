/// How long the demo pauses, so that its text can be read before it scrolls away.
struct DemoPace {
    /// For each line printed since the last pause.
    private let perLine: Duration
    /// At least.
    private let least: Duration

    /// No pauses.
    static let fast = DemoPace(perLine: .zero, least: .zero)
    /// About as fast as one reads. The whole demo takes half a minute.
    static let readable = DemoPace(perLine: .milliseconds(250), least: .seconds(2))

    /// The pause after a number of lines.
    func pause(after lines: Int) -> Duration { max(least, perLine * lines) }
}
