/// What an agent beside a backend has said of it, up to now: words of one line, as HAProxy's `agent-check` has them. Pure.
///
/// ```
///   up, down, fail, stopped     whether it is well, as the agent sees it
///   ready, drain, maint         whether it gets new clients; its sessions go on in any case
///   75%                         the share of its weight that counts
///   maxconn:30                  the most sessions that it gets; 0: no limit
/// ```
///
/// What a line does not name stays as it was: only the agent takes back what the agent has said. Source: HAProxy's
/// configuration manual, `agent-check`.
struct AgentStanding: Hashable, Sendable {
    /// It has said `down`, `fail` or `stopped`, and not `up` since.
    private(set) var isDown = false
    /// It has said `drain` or `maint`, and not `ready` since.
    private(set) var isAway = false
    /// How much of its configured weight counts, in percent.
    private(set) var percent: Int32 = 100
    /// The most sessions that it gets; nil when the agent has not said: what is configured. `Int32.max`: no limit.
    private(set) var sessionsMax: Int32?
    /// It has not answered the last time that it was asked: what it said before holds.
    var isSilent = false

    /// The largest share of a weight that can be said, as in HAProxy: the weight is at most ``Limits/weightMax`` anyhow.
    static let percentMax: Int32 = 25_600

    /// Takes a line over, up to a word that begins with `#`: there a description begins. Words stand between spaces, tabs and commas; upper and lower
    /// case are the same. Returns the words that mean nothing, in their order.
    mutating func take(_ line: [UInt8]) -> [[UInt8]] {
        let words = line.split { byte in [UInt8(ascii: " "), UInt8(ascii: ","), 0x09, 0x0D].contains(byte) }
        return words.prefix { $0.first != UInt8(ascii: "#") }.compactMap { word in take(word: word) ? nil : Array(word)
        }
    }

    private mutating func take(word: ArraySlice<UInt8>) -> Bool {
        let text = String(decoding: word, as: UTF8.self).lowercased()
        switch text {
        case "up": isDown = false
        case "down", "fail", "stopped": isDown = true
        case "ready": isAway = false
        case "drain", "maint": isAway = true
        default:
            if text.hasSuffix("%"), let percent = Self.number(text.dropLast()) {
                self.percent = min(percent, Self.percentMax)
            } else if text.hasPrefix("maxconn:"), let most = Self.number(text.dropFirst("maxconn:".count)) {
                sessionsMax = most == 0 ? .max : min(most, Int32(Limits.sessionsCeiling))
            } else {
                return false
            }
        }
        return true
    }

    /// Digits and nothing else.
    private static func number(_ text: Substring) -> Int32? {
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return isPlain ? Int32(text) : nil
    }

    /// What it lets a backend have of its weight, in percent, where that is not all; 0 for no new clients.
    var shareTold: Int? { isAway ? 0 : percent == 100 ? nil : Int(percent) }

    /// It keeps new clients away from a backend that is well.
    var keepsClientsAway: Bool { isDown || isAway || percent == 0 }

    /// What of a configured weight counts: at least 1 of what is more than nothing, so that a small weight is not lost.
    func weight(of configured: Int32) -> Int32 {
        guard !isAway, percent > 0, configured > 0 else { return 0 }
        return min(Limits.weightMax, max(1, Int32(clamping: Int64(configured) * Int64(percent) / 100)))
    }

    /// The most sessions, where so many are configured; nil for no limit.
    func sessionsMax(of configured: Int32?) -> Int32? {
        guard let sessionsMax else { return configured }
        return sessionsMax == .max ? nil : sessionsMax
    }
}
