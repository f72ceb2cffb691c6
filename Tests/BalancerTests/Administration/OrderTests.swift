import AdministrationAPI
import Reactor
import Testing

@testable import Balancer

extension Inspector.Hooks {
    /// Of a balancer without a file, that takes any backend for 10.0.0.9:80 or refuses all.
    static func staged(refusing: String? = nil) -> Inspector.Hooks {
        Inspector.Hooks(
            configuration: { nil }, difference: { _ in .failure(Refusal(error: "no file")) }, reload: nil,
            backend: { wanted, _ in
                refusing.map { .failure(Refusal(error: $0)) }
                    ?? .success(.init(address: .ipv4(0x0A00_0009, port: 80), label: wanted.name))
            })
    }
}

/// What is read of a wish, and what is said of one that means nothing.
@Suite struct OrderTests {
    private static func order(_ wish: Wish) throws(Refusal) -> Order? { try Order.make(of: wish, .staged()) }

    private static func refusal(_ wish: Wish, _ hooks: Inspector.Hooks = .staged()) -> String? {
        do throws(Refusal) {
            _ = try Order.make(of: wish, hooks)
            return nil
        } catch {
            return error.error
        }
    }

    private static func state(_ state: String, for seconds: Double? = nil) -> Wish {
        .backendState(pool: "web", backend: "b", StateWish(state: state, forSeconds: seconds))
    }

    private static func setting(_ change: (inout SettingWish) -> Void) -> SettingWish {
        var wish = SettingWish()
        change(&wish)
        return wish
    }

    private static func backend(_ change: (inout SettingWish) -> Void) -> Wish {
        .backendSetting(pool: "web", backend: "b", setting(change))
    }

    private static func listener(_ change: (inout SettingWish) -> Void) -> Wish {
        .listenerSetting(listener: "web", setting(change))
    }

    @Test(
        "the states of a backend",
        arguments: [
            ("ready", TargetSteering.State.ready), ("drain", .drain), ("maintain", .maintain), ("silent", .silent),
            ("refusing", .refusing),
        ])
    func states(text: String, state: TargetSteering.State) throws {
        let order = try #require(try Self.order(Self.state(text, for: 600)))
        guard case .state(state) = order.action, case .backend("web", "b") = order.subject else {
            Issue.record("\(order)")
            return
        }
        #expect(order.time == .seconds(600))
        #expect(try Self.order(Self.state(text))?.time == nil)
    }

    @Test("a state that there is not", arguments: ["", "Drain", "drain ", "up", "open", "drained"])
    func wrongStates(text: String) {
        #expect(
            Self.refusal(Self.state(text))
                == "state '\(text)' of a backend: ready, drain, maintain, silent or refusing is needed")
        #expect(
            text == "open"
                || Self.refusal(.listenerState(listener: "web", StateWish(state: text)))
                    == "state '\(text)' of a listener: open or paused is needed"
        )
    }

    @Test("for how long something is set: from a second to a year")
    func times() throws {
        #expect(try Self.order(Self.state("drain", for: 1))?.time == .seconds(1))
        #expect(try Self.order(Self.state("drain", for: 1.5))?.time == .milliseconds(1500))
        #expect(try Self.order(Self.state("drain", for: 365 * 24 * 3600))?.time == .seconds(365 * 24 * 3600))
        for wrong in [0, -1, 0.999, 365 * 24 * 3600 + 1, .infinity, -.infinity, .nan, 1e300] {
            let message = "for \(wrong) s: 1 s to 31536000 s (a year) is needed"
            #expect(Self.refusal(Self.state("drain", for: wrong)) == message)
            #expect(
                Self.refusal(.listenerState(listener: "web", StateWish(state: "paused", forSeconds: wrong))) == message)
            #expect(Self.refusal(Self.backend { ($0.weight, $0.forSeconds) = ("1", wrong) }) == message)
            #expect(Self.refusal(Self.listener { ($0.perClient, $0.forSeconds) = ("1", wrong) }) == message)
        }
    }

    @Test("weights: a number, a share, or what is configured")
    func weights() throws {
        func weight(_ text: String) throws -> TargetSteering.Weight?? {
            guard case .weight(let weight)? = try Self.order(Self.backend { $0.weight = text })?.action else {
                return nil
            }
            return .some(weight)
        }
        #expect(try weight("0") == .some(.count(0)))
        #expect(try weight("256") == .some(.count(256)))
        #expect(try weight("0%") == .some(.percent(0)))
        #expect(try weight("1000%") == .some(.percent(1000)))
        #expect(try weight("configured") == .some(.none))
        for wrong in ["", "-1", "257", "1001%", "%", "50 %", "half", "1.5", "99999999999", "-5%", "Configured"] {
            #expect(
                Self.refusal(Self.backend { $0.weight = wrong })
                    == "weight '\(wrong)': 0 to 256, a share as 50% (up to 1000%), or configured is needed")
        }
    }

    @Test("limits of sessions: a number, none, or what is configured")
    func limits() throws {
        func most(_ text: String) throws -> TargetSteering.SessionsMax?? {
            guard case .sessionsMax(let most)? = try Self.order(Self.backend { $0.sessionsMax = text })?.action else {
                return nil
            }
            return .some(most)
        }
        #expect(try most("1") == .some(.some(.count(1))))
        #expect(try most("none") == .some(.some(TargetSteering.SessionsMax.none)))
        #expect(try most("configured") == .some(Optional<TargetSteering.SessionsMax>.none))
        for wrong in ["0", "-1", "", "None", "1e3", "99999999999"] {
            #expect(
                Self.refusal(Self.backend { $0.sessionsMax = wrong })
                    == "sessions_max '\(wrong)': 1 to \(Limits.sessionsCeiling), none or configured is needed")
        }
    }

    @Test("a backend's figures come one at a time, and there is at least one")
    func oneAtATime() {
        #expect(Self.refusal(Self.backend { _ in }) == "of a backend: weight or sessions_max is needed")
        #expect(
            Self.refusal(Self.backend { ($0.weight, $0.sessionsMax) = ("1", "1") })
                == "weight and sessions_max: one at a time")
    }

    @Test("a listener: paused, open, and the most sessions of a client")
    func listeners() throws {
        for (text, paused) in [("paused", true), ("open", false)] {
            let order = try Self.order(.listenerState(listener: "web", StateWish(state: text, forSeconds: 5)))
            guard case .pause(paused)? = order?.action, case .listener("web")? = order?.subject else {
                Issue.record("\(text)")
                continue
            }
            #expect(order?.time == .seconds(5))
        }
        guard case .perClient(20)? = try Self.order(Self.listener { $0.perClient = "20" })?.action,
            case .perClient(nil)? = try Self.order(Self.listener { $0.perClient = "configured" })?.action
        else {
            Issue.record("per_client")
            return
        }
        #expect(Self.refusal(Self.listener { _ in }) == "of a listener: per_client is needed")
        #expect(Self.refusal(Self.listener { $0.weight = "3" }) == "of a listener: per_client is needed")
        for wrong in ["0", "none", "-3", "many"] {
            #expect(
                Self.refusal(Self.listener { $0.perClient = wrong })
                    == "per_client '\(wrong)': 1 to \(Limits.sessionsCeiling), or configured is needed")
        }
    }

    @Test("a new backend is read as a file would be, and the mistake is that of the reader")
    func newBackends() throws {
        let wish = Wish.addBackend(pool: "web", NewBackend(address: "10.0.0.9:80", name: "b9"))
        guard case .add(let backend)? = try Self.order(wish)?.action, case .pool("web")? = try Self.order(wish)?.subject
        else {
            Issue.record("no backend")
            return
        }
        #expect(backend.title == "b9")
        #expect(Self.refusal(wish, .staged(refusing: "a port is missing")) == "a port is missing")
        guard case .remove? = try Self.order(.removeBackend(pool: "web", backend: "b", isDryRun: false))?.action else {
            Issue.record("no removal")
            return
        }
    }

    @Test("which wishes only ask")
    func dryRuns() {
        for isDryRun in [true, false] {
            let state = StateWish(state: "drain", dryRun: isDryRun)
            let setting = Self.setting { $0.dryRun = isDryRun }
            let wishes: [Wish] = [
                .backendState(pool: "p", backend: "b", state), .backendSetting(pool: "p", backend: "b", setting),
                .addBackend(pool: "p", NewBackend(address: "", dryRun: isDryRun)),
                .removeBackend(pool: "p", backend: "b", isDryRun: isDryRun), .listenerState(listener: "l", state),
                .listenerSetting(listener: "l", setting), .killSession(id: "", isDryRun: isDryRun),
                .killSessions(pool: nil, backend: "b", isDryRun: isDryRun),
            ]
            #expect(wishes.allSatisfy { $0.isDryRun == isDryRun })
        }
        #expect(!Wish.reload.isDryRun && !Self.state("drain").isDryRun && !Self.backend { _ in }.isDryRun)
    }
}
