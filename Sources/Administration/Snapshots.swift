import AdministrationAPI
import NIOCore

/// Answers that all askers of a moment share, so that a thousand of them cost one question and one encoding.
final class Snapshots {
    private let balancer: any RunningBalancer
    private var made: (status: Status, at: NIODeadline)?
    /// The status by its `mayChange`.
    private var bodies: [Bool: ByteBuffer] = [:]
    private var frames: [Bool: ByteBuffer] = [:]
    private var metricsBody: ByteBuffer?

    /// How old an answer may be.
    private let age: TimeAmount

    /// Snapshots of this balancer.
    init(_ balancer: any RunningBalancer, age: TimeAmount) {
        self.balancer = balancer
        self.age = age
    }

    /// What the balancer said last, or says now.
    func status() -> Status {
        let now = NIODeadline.now()
        if let made, now - made.at < age { return made.status }
        forget()
        let status = balancer.status()
        made = (status, now)
        return status
    }

    /// `GET /v1/status`
    func statusBody(mayChange: Bool) -> ByteBuffer {
        var status = status()
        if let body = bodies[mayChange] { return body }
        status.mayChange = mayChange
        let body = JSONText.encoded(status)
        bodies[mayChange] = body
        return body
    }

    /// `event: status` of the stream.
    func statusFrame(mayChange: Bool) -> ByteBuffer {
        let body = statusBody(mayChange: mayChange)
        if let frame = frames[mayChange] { return frame }
        let frame = EventFrame.make(event: "status", data: body)
        frames[mayChange] = frame
        return frame
    }

    /// `GET /metrics`
    func metrics() -> ByteBuffer {
        let status = status()
        if let metricsBody { return metricsBody }
        let body = ByteBuffer(string: MetricsText.render(status, balancer.measurements()))
        metricsBody = body
        return body
    }

    /// The next asker gets a new answer: something has been changed, and whoever changed it wants to see that.
    func forget() {
        made = nil
        bodies = [:]
        frames = [:]
        metricsBody = nil
    }
}
