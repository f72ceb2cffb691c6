import AdministrationAPI
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// What the server's event loop holds. It is touched on that loop only.
final class ServerCore {
    /// Decides about requests.
    let router: Router
    /// Who is asked.
    let balancer: any RunningBalancer
    /// The way of the balancer's answers to the loop.
    let door: LoopDoor
    /// Answers that several askers share.
    let snapshots: Snapshots
    /// Who gets server-sent events.
    let streams: EventStreams
    /// Who is connected.
    let connections = Connections()
    /// What clients have time for.
    let times: Times
    private let spares = SpareDescriptors()
    private let users = UserNames()
    private var listeners: [any Channel] = []
    private var isRefilling = false
    private var isStopped = false

    /// The loop.
    var eventLoop: any EventLoop { door.eventLoop }

    /// The longest head of a request: its path and all its fields, in bytes.
    static let headBytesMax = 8192
    /// The most bytes that are read at once, and so the most of requests that wait behind each other.
    private static let readBytes = 16_384
    /// A connection is not written to while more bytes than the upper value wait for it, until fewer than the lower do.
    private static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 32_768, high: 131_072)
    /// So many clients are accepted before others are looked after.
    private static let acceptsPerTurn: UInt = 32
    /// How long nobody is accepted after an error of accept, which comes again at once.
    private static let acceptPause = TimeAmount.milliseconds(250)
    /// A peer that acknowledges nothing for so long has vanished.
    private static let silenceMilliseconds = 30_000
    /// How often missing spare descriptors are asked for again.
    private static let refillPause = TimeAmount.seconds(1)

    /// A core that listens nowhere.
    init(_ router: Router, _ balancer: any RunningBalancer, _ door: LoopDoor, _ times: Times) {
        self.times = times
        self.router = router
        self.balancer = balancer
        self.door = door
        snapshots = Snapshots(balancer, age: times.snapshot)
        streams = EventStreams(balancer, snapshots, door.eventLoop, times)
        spares.refill()
    }

    /// Accepts the clients of a socket, which belongs to the core from now on.
    func listen(_ socket: ListenSocket) -> EventLoopFuture<Void> {
        let core = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(DescriptorShortage(core.value, socket))
                    try pipeline.addHandler(AcceptBackoffHandler(backoffProvider: { _ in Self.acceptPause }))
                }
            }
            .serverChannelOption(.maxMessagesPerRead, value: Self.acceptsPerTurn)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: Self.waterMark)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.readBytes))
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { core.value.take($0, socket.kind, isFromSpare: false) }
            .withBoundSocket(socket.descriptor)
            .map { core.value.listeners.append($0) }
    }

    /// Accepts the clients of a socket for which the process had no descriptor, as far as there are spare ones.
    func acceptFromSpares(_ socket: ListenSocket) {
        while spares.release(for: socket.kind) {
            switch socket.accept() {
            case .client(let client): adopt(client, of: socket.kind)
            // A loop of the balancer was quicker, on its own thread; the next spare one is for the client.
            case .noDescriptor: continue
            case .nobody: return refillSpares()
            }
        }
        refillSpares()
    }

    /// Makes a channel of an accepted client.
    private func adopt(_ client: CInt, of kind: ListenSocket.Kind) {
        let core = NIOLoopBound(self, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.writeBufferWaterMark, value: Self.waterMark)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.readBytes))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { core.value.take($0, kind, isFromSpare: true) }
            .withConnectedSocket(client)
            .whenFailure { _ in core.value.refillSpares() }
    }

    /// Makes a connection of an accepted client, or fails, so that its channel is closed.
    private func take(_ channel: any Channel, _ kind: ListenSocket.Kind, isFromSpare: Bool) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            guard let standing = connections.standing(ofNew: kind) else { throw ChannelError.eof }
            let peer: Request.Peer = kind == .tcp ? .tcp : .socket(user: users.user(of: channel))
            if kind == .tcp { Self.limitSilence(of: channel) }
            let connection = Connection(
                self, peer, kind, isRefused: standing == .refused, closesAfterAnswer: isFromSpare)
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = Self.headBytesMax
            limits.maxHeaderListSize = Self.headBytesMax
            let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(ArrivalWatch(connection))
            try pipeline.addHandler(HTTPResponseEncoder())
            try pipeline.addHandler(ByteToMessageHandler(decoder))
            try pipeline.addHandler(connection)
            connections.add(connection, standing)
            let core = NIOLoopBound(self, eventLoop: eventLoop)
            if isFromSpare { channel.closeFuture.whenComplete { _ in core.value.refillSpares() } }
        }
    }

    /// Closes a connection whose peer has vanished: otherwise that takes a quarter of an hour.
    private static func limitSilence(of channel: any Channel) {
        let option = ChannelOptions.Types.SocketOption(
            level: .tcp, name: NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT))
        // Without it the connection works all the same.
        try? channel.syncOptions?.setOption(option, value: silenceMilliseconds)
    }

    /// Opens the spare descriptors that are missing, now or as soon as the process has some.
    private func refillSpares() {
        // Channels that close in the end come here too.
        guard !isStopped, !spares.refill(), !isRefilling else { return }
        isRefilling = true
        eventLoop.assumeIsolated().scheduleTask(in: Self.refillPause) { [self] in
            isRefilling = false
            refillSpares()
        }
    }

    /// Closes everything.
    func stop() {
        isStopped = true
        for listener in listeners { listener.close(promise: nil) }
        listeners = []
        connections.closeAll()
        streams.stop()
        spares.closeAll()
    }
}

/// Stands before a listener's accepts, and helps where the process has no descriptor for a client: exactly then an
/// operator wants to look.
final class DescriptorShortage: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let core: ServerCore
    private let socket: ListenSocket

    /// For the listener with this socket.
    init(_ core: ServerCore, _ socket: ListenSocket) {
        self.core = core
        self.socket = socket
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? IOError, error.errnoCode == EMFILE || error.errnoCode == ENFILE {
            core.acceptFromSpares(socket)
        }
        context.fireErrorCaught(error)
    }
}

/// Tells a connection that bytes have come, before they are a request.
final class ArrivalWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: Connection

    /// For this connection.
    init(_ connection: Connection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.bytesCame(unwrapInboundIn(data).readableBytes)
        context.fireChannelRead(data)
    }
}
