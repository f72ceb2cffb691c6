import NIOCore

/// The times that the clients of administration have.
struct Times: Sendable {
    /// For the head of a request, from its first byte, and for the first byte of a new connection.
    var head = TimeAmount.seconds(5)
    /// For the body of a request.
    var body = TimeAmount.seconds(10)
    /// For the balancer's answer to a question.
    var question = TimeAmount.seconds(5)
    /// For taking an answer; while events are streamed, for taking what waits.
    var answer = TimeAmount.seconds(30)
    /// Between two requests of a connection.
    var idle = TimeAmount.seconds(10)
    /// For closing a connection after the last answer.
    var leaving = TimeAmount.seconds(1)
    /// From one `status` event to the next.
    var status = TimeAmount.seconds(1)
    /// A comment follows after so many of them, by which both ends see that the connection lives.
    var statusesPerComment = 15
    /// How old an answer may be that several askers share.
    var snapshot = TimeAmount.milliseconds(250)

    /// The usual ones.
    init() {}
}
