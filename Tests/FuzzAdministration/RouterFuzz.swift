import AdministrationAPI
import NIOCore

@testable import Administration

private let token = Array("secret".utf8)
private let address = AdministrationServer.Address(host: "127.0.0.1", port: 9000)
/// Routers with and without a token.
private let routers = [
    Router(hosts: HostRules(addresses: [address]), tokens: Tokens([token])),
    Router(hosts: HostRules(addresses: [address], further: ["admin.example"]), tokens: Tokens([])),
]

/// Decides about a request, and holds the decision against the rules.
func fuzzRouter(_ request: Request) {
    for router in routers {
        let decision = router.decide(request)
        precondition(router.decide(request) == decision, "another decision about the same request")
        switch decision {
        case .refuse(let refused):
            precondition((400...599).contains(refused.status), "a refusal that is none")
            precondition(!refused.text.isEmpty, "a refusal without a word")
            precondition((refused.status == 405) == !refused.allowed.isEmpty, "no methods, or methods without need")
            precondition(Answer(refused).body.readableBytes > 0, "a refusal without a body")
        case .ask(.wish(let wish, let asker)): check(wish, asker, request, router)
        case .ask(.status(let mayChange)): checkReading(request, mayChange: mayChange, router)
        case .stream(let subscription):
            checkReading(request, mayChange: subscription.mayChange, router)
            precondition(subscription.wantsLog || subscription.wantsStatus, "a stream of nothing")
        case .ask(.sessions(let question)):
            checkReading(request, mayChange: false, router)
            precondition((1...10_000).contains(question.limit), "more sessions than are listed")
            for seconds in [question.olderSeconds, question.idleSeconds].compactMap(\.self) {
                precondition((0...Query.secondsMax).contains(seconds), "a time that no loop can count")
            }
        case .ask, .answer: checkReading(request, mayChange: false, router)
        }
    }
    checkTarget(request.target)
}

/// What is read is read with GET or HEAD, and over TCP under a known host.
private func checkReading(_ request: Request, mayChange: Bool, _ router: Router) {
    precondition(["GET", "HEAD"].contains(request.method), "another method reads")
    precondition(request.body.isEmpty, "a body was left out")
    if request.peer == .tcp { checkPeer(request, router) }
    if mayChange { checkMayChange(request, router) }
}

/// What changes something is no GET, and comes from somebody who may.
private func check(_ wish: Wish, _ asker: String, _ request: Request, _ router: Router) {
    precondition(["POST", "PATCH", "DELETE"].contains(request.method), "\(request.method) changes something")
    precondition(asker == (request.peer == .tcp ? "token" : "user alice"), "somebody else asks")
    checkMayChange(request, router)
    if request.peer == .tcp {
        checkPeer(request, router)
        precondition(
            request.body.isEmpty || request.value("content-type")?.mediaType == "application/json", "a body of any type"
        )
    }
    switch wish {
    case .backendState(_, _, let wish), .listenerState(_, let wish): check(seconds: wish.forSeconds)
    case .backendSetting(_, _, let wish), .listenerSetting(_, let wish): check(seconds: wish.forSeconds)
    case .killSession(let id, _): precondition(id.utf8.count == 16, "a session without an id")
    default: break
    }
}

private func check(seconds: Double?) {
    guard let seconds else { return }
    precondition(seconds > 0 && seconds <= Query.secondsMax, "a time that no loop can count")
}

private func checkMayChange(_ request: Request, _ router: Router) {
    guard request.peer == .tcp else { return }
    precondition(!router.tokens.isEmpty, "a change over TCP without a token file")
    let offered = request.value("authorization")?.split(separator: " ").last.map { Array($0.utf8) } ?? []
    precondition(
        Tokens.isEqual(offered.filter { $0 != UInt8(ascii: "\t") }, token), "a change over TCP without the token")
}

private func checkPeer(_ request: Request, _ router: Router) {
    let host = request.value("host") ?? ""
    precondition(router.hosts.accept(host), "an unknown host")
    if let origin = request.value("origin") {
        precondition(origin.lowercased().hasSuffix("://\(host.lowercased())"), "a foreign origin")
    }
}

/// A target that is taken has no part that leads elsewhere, and no control characters.
private func checkTarget(_ text: String) {
    guard let target = try? Target(text) else { return }
    for part in target.path {
        precondition(!["", ".", ".."].contains(part), "a part that leads elsewhere")
        precondition(part.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }, "a control character")
    }
    let encoded = target.path.map { part in
        "/" + part.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }.joined()
    precondition((try? Target(encoded.isEmpty ? "/" : encoded))?.path == target.path, "another path from its own text")
}
