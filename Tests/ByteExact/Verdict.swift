/// What a subject promises of the bytes that were acknowledged to a side before it cut the session off.
enum Promise {
    /// The other side gets them.
    case all
    /// HAProxy, measured with 2.6: the client gets those of a backend that has read everything the client had to send.
    /// The others may be lost: when the client resets, HAProxy resets the backend's connection at once; and when it
    /// cannot write to a backend that has gone, it no longer sends the client what it has.
    case allOfBackend
}

/// What must hold when a session is over.
///
/// A direction goes from the side that sends, A, to the side that reads, B. B is judged when it has read to the end: the
/// rows are by how A has left.
///
/// ```
///   A                                                   what B gets                 how it ends for B
///   ------------------------------------------------    ------------------------    -----------------
///   sends all, FIN, reads to the end                    all of it                   FIN
///   cuts the session off: RST, or close(2) before it    at least what was           FIN or RST
///     has seen B's end                                    acknowledged to A by then
///   B itself cuts the session off                       nothing is promised
/// ```
///
/// And in every session:
///
/// - Each byte that B reads is the one that A sent at that position, and there are no more than A sent.
/// - No RST comes to a side when neither has cut the session off. A FIN of one side leaves the other direction alone.
/// - A side that sends without end to one that has cut the session off is told: it cannot send more than
///   ``sentTooLateMax`` afterwards.
/// - Each session ends, within a time that follows from its script: see ``Session/deadline``.
///
/// "Acknowledged" is what SIOCOUTQ says at A's socket: these bytes are with the balancer, and A may rely on them as it
/// would if it spoke to B directly. B reads at a steady pace, or in bursts with pauses of at most 1.5 s: a reader that
/// takes nothing for longer may be given up.
///
/// HAProxy is the control (`--subject haproxy`). It keeps all of this but for one row, see ``Promise``. What neither
/// promises is the end that B sees when A has cut the session off with bytes under way: B may get a part of A's bytes
/// and then a FIN, of HAProxy as well. So a FIN proves that all has come only where A has not cut the session off. How
/// often each end came is counted (``cut``).
struct Verdict {
    /// Bytes that the kernel may take of a side without the balancer's knowledge: a send buffer, a receive buffer, and
    /// what the balancer reads before the end of the other side has reached it.
    static let sentTooLateMax = 16 << 20

    /// What is wrong, each in one sentence; empty when nothing is.
    private(set) var faults: [String] = []
    /// How the streams ended of which a part was lost, and rightly so.
    private(set) var cut: [StreamEnd] = []

    /// Judges a session that is over, or that hangs (`isLate`). `backend` is nil when none was connected.
    init(_ script: Script, client: Outcome, backend connected: Outcome?, isLate: Bool, _ promise: Promise) {
        let backend = connected ?? Outcome(hasLeft: true)
        if let fault = client.fault { faults.append("the client got \(fault)") }
        if let fault = backend.fault { faults.append("the backend got \(fault)") }
        if isLate {
            let waits = [("client", client), ("backend", backend)].filter { !$0.1.hasLeft }.map(\.0)
            let rest =
                waits.isEmpty ? "no backend was connected" : "the \(waits.joined(separator: " and the ")) did not leave"
            faults.append("the session does not end: \(rest)")
        }
        guard faults.isEmpty, connected != nil else { return }
        judge("client", client, script.client, "backend", backend, mayLose: promise == .allOfBackend)
        let hasReadAll = backend.received == script.client.bytesToSend
        judge(
            "backend", backend, script.backend, "client", client, mayLose: promise == .allOfBackend && !hasReadAll)
    }

    private mutating func judge(
        _ sender: String, _ sent: Outcome, _ script: SideScript, _ reader: String, _ got: Outcome,
        mayLose: Bool
    ) {
        if got.received > sent.sent {
            faults.append("the \(reader) got \(got.received) bytes, but the \(sender) sent \(sent.sent)")
        }
        if got.hasCutOff {
            let late = sent.sent - got.sentByOther
            if late > Self.sentTooLateMax {
                faults.append("the \(sender) could send \(late) bytes after the \(reader) had left")
            }
            return
        }
        if sent.hasCutOff {
            if got.received < sent.sent, let end = got.end { cut.append(end) }
            if got.received < sent.acknowledged, !mayLose {
                faults.append(
                    "the \(reader) got \(got.received) bytes, but \(sent.acknowledged) were acknowledged to the \(sender)"
                        + " before it left")
            }
            return
        }
        if sent.end == .reset { faults.append("the \(sender) got a RST that the \(reader) did not send") }
        if got.received != script.bytesToSend {
            faults.append("the \(reader) got \(got.received) of \(script.bytesToSend) bytes")
        }
        if got.end != .fin, sent.end != .reset { faults.append("the \(reader) got a RST after a FIN of the \(sender)") }
    }
}
