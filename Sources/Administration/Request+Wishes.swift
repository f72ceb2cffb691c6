import AdministrationAPI

extension Request {
    private static let forTime = ["for_seconds", "dry_run"]

    /// The body as a wish for a state. Which states there are is for the balancer to say.
    func stateWish(example: String) throws(Refused) -> StateWish {
        let example = #"{"state":"\#(example)"}"#
        let wish = try JSONText.decoded(
            StateWish.self, from: body, names: ["state"] + Self.forTime, example: example)
        try Self.check(seconds: wish.forSeconds)
        return wish
    }

    /// The body as figures of a backend.
    func backendSetting() throws(Refused) -> SettingWish {
        try setting(names: ["weight", "sessions_max"], example: #"{"weight":"50%"}"#)
    }

    /// The body as figures of a listener.
    func listenerSetting() throws(Refused) -> SettingWish {
        try setting(names: ["per_client"], example: #"{"per_client":"50"}"#)
    }

    private func setting(names: [String], example: String) throws(Refused) -> SettingWish {
        let wish = try JSONText.decoded(
            SettingWish.self, from: body, names: names + Self.forTime, example: example)
        try Self.check(seconds: wish.forSeconds)
        guard wish.weight != nil || wish.sessionsMax != nil || wish.perClient != nil else {
            throw Refused(400, "The body names nothing to set. A right one is \(example)")
        }
        return wish
    }

    /// The body as a new backend.
    func newBackend() throws(Refused) -> NewBackend {
        try JSONText.decoded(
            NewBackend.self, from: body, names: ["address", "name", "weight", "dry_run"],
            example: #"{"address":"10.0.0.4:80"}"#)
    }

    /// Refuses a body where none is read: what it says would be left out.
    func checkNoBody(_ advice: String) throws(Refused) {
        guard !body.isEmpty else { return }
        throw Refused(400, "The request takes no body: \(advice).")
    }

    private static func check(seconds: Double?) throws(Refused) {
        guard let seconds else { return }
        let least = 0.001
        guard seconds >= least, seconds <= Query.secondsMax else {
            throw Refused(400, "for_seconds is from \(least) to \(Int(Query.secondsMax)), a year.")
        }
    }
}
