import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// One request and its answer, on a connection and an event loop of their own.
struct Exchange {
    private let place: AdministrationClient.Place
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    private let mailbox: Mailbox
    /// When the answer must be there.
    let deadline: ContinuousClock.Instant

    /// Connects.
    init(
        _ place: AdministrationClient.Place, until deadline: ContinuousClock.Instant
    ) throws(AdministrationClientError) {
        self.place = place
        self.deadline = deadline
        let mailbox = Mailbox()
        self.mailbox = mailbox
        // The descriptor first: a balancer that does not run is the most frequent case, and needs no thread.
        var descriptor: CInt?
        if case .unix(let path) = place { descriptor = try UnixConnect.connect(path, place, until: deadline) }
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let bootstrap = ClientBootstrap(group: group)
            .channelOption(.autoRead, value: false)
            .connectTimeout(.nanoseconds(max(1, (deadline - .now).wholeNanoseconds)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(MailboxHandler(mailbox))
                }
            }
        do {
            switch place {
            case .unix: channel = try bootstrap.withConnectedSocket(descriptor ?? -1).wait()
            case .tcp(let host, let port): channel = try bootstrap.connect(host: host, port: port).wait()
            }
        } catch {
            try? group.syncShutdownGracefully()
            throw Self.error(error, place)
        }
    }

    /// Writes the request.
    func send(_ head: HTTPRequestHead, body: [UInt8]?) throws(AdministrationClientError) {
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if let body {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        }
        // What fails here ends the connection, and stands in the mailbox.
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    /// Waits for the next part of the answer.
    func next(until deadline: ContinuousClock.Instant) throws(AdministrationClientError) -> HTTPClientResponsePart {
        // Read only when somebody waits: what a slow caller does not take stays with the balancer.
        if mailbox.isEmpty { channel.read() }
        switch mailbox.take(until: deadline) {
        case .part(let part): return part
        case .failure(let error): throw Self.error(error, place)
        case .closed: throw AdministrationClientError(.closed, place)
        case nil: throw AdministrationClientError(.timeout, place)
        }
    }

    /// Closes the connection and ends the event loop.
    func close() {
        channel.close(promise: nil)
        try? group.syncShutdownGracefully()
    }

    private static func error(_ error: any Error, _ place: AdministrationClient.Place) -> AdministrationClientError {
        switch error {
        case let error as AdministrationClientError: error
        case let error as IOError: .connect(error.errnoCode, place)
        // The end came in the middle.
        case HTTPParserError.invalidEOFState: AdministrationClientError(.closed, place)
        case is HTTPParserError, is NIOHTTPDecoderError: AdministrationClientError(.notHTTP, place)
        case ChannelError.connectTimeout: AdministrationClientError(.timeout, place)
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { Self.error($0.error, place) }
                ?? AdministrationClientError(.badAddress, place)
        default: AdministrationClientError(.closed, place)
        }
    }
}

extension Duration {
    /// In nanoseconds, at most as many as an integer holds.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product &+ attoseconds / 1_000_000_000
    }
}

/// What the event loop hands to the thread that waits.
final class Mailbox: Sendable {
    /// A part of an answer, or why there is none.
    enum Item: Sendable {
        case part(HTTPClientResponsePart)
        case failure(any Error)
        case closed
    }

    private static let empty = 0
    private static let filled = 1
    private let lock = ConditionLock(value: Mailbox.empty)
    private let items = NIOLockedValueBox<CircularBuffer<Item>>([])

    /// True while nothing is to be taken.
    var isEmpty: Bool { items.withLockedValue(\.isEmpty) }

    /// Adds an item, on any thread.
    func post(_ item: Item) {
        lock.lock()
        items.withLockedValue { $0.append(item) }
        lock.unlock(withValue: Self.filled)
    }

    /// Waits for an item; nil when none comes in time.
    func take(until deadline: ContinuousClock.Instant) -> Item? {
        let rest = max(0, (deadline - .now).wholeNanoseconds)
        guard lock.lock(whenValue: Self.filled, timeoutSeconds: Double(rest) / 1e9) else { return nil }
        let (item, isEmpty) = items.withLockedValue { ($0.popFirst(), $0.isEmpty) }
        lock.unlock(withValue: isEmpty ? Self.empty : Self.filled)
        return item
    }
}

/// Puts the answer into a mailbox.
private final class MailboxHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let mailbox: Mailbox

    init(_ mailbox: Mailbox) { self.mailbox = mailbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { mailbox.post(.part(unwrapInboundIn(data))) }

    func channelReadComplete(context: ChannelHandlerContext) {
        // What was read may have been a part of a line, about which nobody was told.
        if mailbox.isEmpty { context.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        mailbox.post(.failure(error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { mailbox.post(.closed) }
}
