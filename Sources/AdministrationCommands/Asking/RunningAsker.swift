import AdministrationClient
import CommandSupport
import Glibc
import Reactor

/// Asks a balancer over its socket or over HTTP. Each call has a connection of its own.
struct RunningAsker: Asker {
    let place: String
    /// For questions, and for streams.
    private let questions: AdministrationClient
    /// For changes, whose answers take longer.
    private let changes: AdministrationClient
    /// The place, and who has named it, for error messages.
    private let placeAndOrigin: String

    /// For an answer to a question.
    private static let questionTime: Duration = .seconds(2)
    /// For an answer to a change: a balancer says after 5 s at the latest whether it has made it.
    private static let changeTime: Duration = .seconds(6)
    /// A stream sends a status every second: after so long without anything it counts as broken.
    private static let silence: Duration = .seconds(10)

    /// Reads the token; does not connect yet.
    ///
    /// - Parameter timeout: How long an answer is waited for; nil for as long as a question, or a change, usually takes.
    init(
        _ place: AdministrationClient.Place, _ origin: String, tokenFile: String?, timeout: Duration? = nil
    ) throws(Fault) {
        self.place = place.description
        placeAndOrigin = place.description + origin
        let token: String?
        if let tokenFile { token = try Self.token(tokenFile) } else { token = nil }
        questions = AdministrationClient(place: place, token: token, timeout: timeout ?? Self.questionTime)
        changes = AdministrationClient(place: place, token: token, timeout: timeout ?? Self.changeTime)
    }

    func get(_ target: String) throws(Fault) -> [UInt8] { try send("GET", target, body: nil) }

    func send(_ method: String, _ target: String, body: [UInt8]?) throws(Fault) -> [UInt8] {
        let client = method == "GET" ? questions : changes
        do throws(AdministrationClientError) {
            let response = try client.send(method, target, body: body)
            try client.check(response)
            return response.body
        } catch {
            throw fault(error)
        }
    }

    func stream(_ target: String, take: (AdministrationClient.Event) -> Bool) -> Fault? {
        do {
            try questions.stream(target, silence: Self.silence, onEvent: take)
            return nil
        } catch let error as AdministrationClientError {
            return fault(error)
        } catch {
            return Fault("\(error)", at: placeAndOrigin)
        }
    }

    private func fault(_ error: AdministrationClientError) -> Fault {
        if case .refused(let status) = error.kind {
            // A refusal says itself what is wrong, and is no fault of the place.
            let isTokenMissing = [401, 403].contains(status) && questions.token == nil
            return Fault(
                error.reason + (isTokenMissing ? " Give --token-file PATH, or ask over the socket." : ""),
                isRefusal: (400..<500).contains(status))
        }
        return Fault(error.reason + (error.remedy.map { ": \($0)" } ?? ""), at: placeAndOrigin)
    }

    // MARK: the token

    /// No token is longer; another file was meant.
    private static let tokenBytesMax = 4096

    /// The first line of a file.
    private static func token(_ path: String) throws(Fault) -> String {
        guard let file = unsafe fopen(path, "re") else {
            let error = Errno(rawValue: errno)
            throw Fault("\(error): give a file with the token that this user may read", at: "--token-file \(path)")
        }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: tokenBytesMax)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
        let line = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        // A header field takes no other characters, and no token has them.
        guard count < tokenBytesMax, !line.isEmpty, line.allSatisfy({ (0x21..<0x7F).contains($0) }) else {
            throw Fault(
                "its first line is no token, which has at most \(tokenBytesMax - 1) ASCII characters and no spaces",
                at: "--token-file \(path)")
        }
        return String(decoding: line, as: UTF8.self)
    }
}
