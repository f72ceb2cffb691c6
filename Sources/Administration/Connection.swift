import NIOCore
import NIOHTTP1

/// A client of administration: its requests one after the other, and the times that it has for them.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// The longest body of a request, in bytes.
    static let bodyBytesMax = 65_536
    /// The most bytes that are dropped while a connection leaves or gets events.
    static let droppedBytesMax = 262_144

    /// What was decoded and is not looked at yet.
    private enum Part {
        case message(HTTPServerRequestPart)
        case broken(any Error)
    }

    /// By which socket it came.
    let kind: ListenSocket.Kind
    /// Where requests come from.
    let peer: Request.Peer
    let core: ServerCore
    private let isRefused: Bool
    private let closesAfterAnswer: Bool

    private(set) var phase = Phase.idle
    /// Since when it is idle.
    private(set) var idleSince = NIODeadline.now()
    /// The request that is read or answered.
    var request: Request
    /// Counts the questions: an answer that comes too late is of an earlier one.
    var questions: UInt64 = 0
    private var hasAnswered = false
    private var staysOpen = false
    private var isInputClosed = false
    private var isProcessing = false
    private var parts = CircularBuffer<Part>()
    private var droppedBytes = 0
    private var deadline: Scheduled<Void>?
    private(set) var context: ChannelHandlerContext?

    /// A connection that has been accepted. A refused one is told that there is no room; one with `closesAfterAnswer`
    /// has one request, because its descriptor is needed.
    init(
        _ core: ServerCore, _ peer: Request.Peer, _ kind: ListenSocket.Kind, isRefused: Bool, closesAfterAnswer: Bool
    ) {
        self.core = core
        self.peer = peer
        self.kind = kind
        self.isRefused = isRefused
        self.closesAfterAnswer = closesAfterAnswer
        request = Request(method: "GET", target: "/", fields: [], peer: peer)
    }

    /// True while it may be closed without breaking a request.
    var isBetweenRequests: Bool { phase == .idle && hasAnswered }

    // MARK: what NIO calls

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        if isRefused {
            refuse(
                Refused(503, "\(Connections.most) connections are open, and no more are taken: try again in a moment."))
        } else {
            setDeadline(core.times.head)
            context.read()
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    /// A channel that could not be registered has never been active, and does not become inactive either.
    func handlerRemoved(context: ChannelHandlerContext) { end() }

    /// Gives its places back. Called a second time it does nothing.
    private func end() {
        enter(.gone)
        core.connections.remove(self)
        core.streams.remove(self)
        context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .leaving, phase != .streaming, phase != .gone else { return }
        parts.append(.message(unwrapInboundIn(data)))
    }

    func channelReadComplete(context: ChannelHandlerContext) { process() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        // After an error the decoder says of all further bytes that it does not take them.
        case is ByteToMessageDecoderError: break
        case is HTTPParserError:
            guard phase != .streaming, phase != .leaving else { break }
            parts.append(.broken(error))
            process()
        default: close()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else { return }
        isInputClosed = true
        process()
        if phase != .asking, phase != .answering { close() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if phase == .streaming {
            if context.channel.isWritable {
                setDeadline(nil)
                core.streams.newEvents()
            } else {
                setDeadline(core.times.answer)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: requests

    /// Bytes have come that are not decoded yet.
    func bytesCame(_ count: Int) {
        switch phase {
        case .idle:
            enter(.head)
            setDeadline(core.times.head)
        case .leaving, .streaming:
            droppedBytes += count
            if droppedBytes > Self.droppedBytesMax { close() }
        default: break
        }
    }

    /// Looks at what has been decoded, as long as no answer is outstanding.
    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        while [.idle, .head, .body].contains(phase), let part = parts.popFirst() { take(part) }
        isProcessing = false
        if phase != .asking, phase != .answering, phase != .gone { context?.read() }
    }

    private func take(_ part: Part) {
        switch part {
        case .message(.head(let head)): begin(head)
        case .message(.body(let bytes)):
            guard request.body.count + bytes.readableBytes <= Self.bodyBytesMax else { return refuse(Self.tooLong) }
            request.body += bytes.readableBytesView
        case .message(.end): act(on: core.router.decide(request))
        case .broken(HTTPParserError.headerOverflow):
            refuse(Refused(431, "The head of the request is longer than \(ServerCore.headBytesMax) bytes."))
        case .broken(let error): refuse(Refused(400, "The request is not HTTP/1.1: \(error)."))
        }
    }

    private static let tooLong = Refused(413, "The body is longer than \(bodyBytesMax) bytes.")

    private func begin(_ head: HTTPRequestHead) {
        request = Request(
            method: head.method.rawValue, target: head.uri,
            fields: head.headers.map { Request.Field(name: $0.name, value: $0.value) }, peer: peer,
            isOld: head.version == .http1_0)
        // After an upgrade nothing more would be decoded.
        staysOpen =
            head.isKeepAlive && !request.isOld && !closesAfterAnswer && head.method != .CONNECT
            && !head.headers.contains(name: "upgrade")
        enter(.body)
        setDeadline(core.times.body)
        if let length = request.value("content-length"), Int(length).map({ $0 > Self.bodyBytesMax }) ?? true {
            return refuse(Self.tooLong)
        }
        guard request.value("expect")?.lowercased() == "100-continue", !request.isOld else { return }
        context?.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    // MARK: answers

    /// Answers that a request cannot be read, and closes: where the next one would begin is not known.
    private func refuse(_ refused: Refused) {
        staysOpen = false
        respond(Answer(refused))
    }

    /// Writes an answer.
    func respond(_ answer: Answer) {
        guard let context, phase != .gone else { return }
        enter(.answering)
        setDeadline(core.times.answer)
        if isInputClosed, parts.isEmpty { staysOpen = false }
        write(head(answer))
        if request.method != "HEAD", answer.body.readableBytes > 0 { write(.body(.byteBuffer(answer.body))) }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] result in answered(result) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }

    private func answered(_ result: Result<Void, any Error>) {
        guard phase == .answering else { return }
        guard case .success = result else { return close() }
        hasAnswered = true
        guard staysOpen else { return leave() }
        request = Request(method: "GET", target: "/", fields: [], peer: peer)
        idleSince = .now()
        enter(.idle)
        setDeadline(core.times.idle)
        process()
        if phase == .idle, isInputClosed { close() }
    }

    /// Begins a stream of events.
    func stream(_ subscription: Subscription) {
        staysOpen = false
        var head = HTTPResponseHead(version: request.isOld ? .http1_0 : .http1_1, status: .ok)
        addFields(to: &head.headers, type: Answer.MediaType.events)
        write(.head(head))
        enter(.streaming)
        core.streams.add(self, subscription)
        process()
    }

    /// Writes a piece of the stream; ``flush()`` follows.
    func send(_ frame: ByteBuffer) { write(.body(.byteBuffer(frame))) }

    /// Sends what has been written.
    func flush() { context?.flush() }

    /// False while too much waits for the client, or there is no stream.
    var isReading: Bool { phase == .streaming && context?.channel.isWritable == true }

    private func head(_ answer: Answer) -> HTTPServerResponsePart {
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status))
        addFields(to: &head.headers, type: answer.type)
        for field in answer.fields { head.headers.add(name: field.name, value: field.value) }
        head.headers.add(name: "Content-Length", value: String(answer.body.readableBytes))
        return .head(head)
    }

    /// The fields of each answer.
    private func addFields(to fields: inout HTTPHeaders, type: String) {
        fields.add(name: "Content-Type", value: type)
        fields.add(name: "Cache-Control", value: "no-store")
        fields.add(name: "X-Content-Type-Options", value: "nosniff")
        if !staysOpen { fields.add(name: "Connection", value: "close") }
    }

    private func write(_ part: HTTPServerResponsePart) { context?.write(wrapOutboundOut(part), promise: nil) }

    // MARK: times and the end

    /// Goes on to another phase.
    func enter(_ next: Phase) {
        phase = next
        setDeadline(nil)
    }

    /// What happens at the end of this time belongs to the phase.
    func setDeadline(_ time: TimeAmount?) {
        deadline?.cancel()
        deadline = nil
        guard let time, let context else { return }
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in timeIsUp() }
    }

    private func timeIsUp() {
        switch phase {
        case .head: refuse(Refused(408, "The head of the request was not complete in time."))
        case .body: refuse(Refused(408, "The body of the request was not complete in time."))
        case .asking:
            respond(
                Answer(
                    Refused(
                        504,
                        "The balancer has not answered in time. A change that was asked for may still be carried out: "
                            + "GET /v1/status tells.")))
        case .idle, .answering, .streaming, .leaving: close()
        case .gone: break
        }
    }

    /// Says that nothing more comes, and waits a moment for the client to say the same.
    private func leave() {
        guard !isInputClosed else { return close() }
        parts.removeAll()
        enter(.leaving)
        setDeadline(core.times.leaving)
        context?.close(mode: .output, promise: nil)
        context?.read()
    }

    /// Closes it at once.
    func close() {
        guard phase != .gone else { return }
        enter(.gone)
        context?.close(promise: nil)
    }
}
