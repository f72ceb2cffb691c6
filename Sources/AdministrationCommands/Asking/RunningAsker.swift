import AdministrationAPI
import AdministrationClient
import CommandSupport
import Glibc
import Reactor

/// Asks a balancer over its socket or over HTTP. Each call has a connection of its own.
struct RunningAsker: Asker {
    let place: String
    private let client: AdministrationClient
    /// The place, and who has named it, for error messages.
    private let placeAndOrigin: String

    /// A stream sends a status every second: after so long without anything it counts as broken.
    private static let silence: Duration = .seconds(10)

    /// Reads the token; does not connect yet.
    init(
        _ place: AdministrationPlace, _ origin: String, tokenFile: String?, timeout: Duration
    ) throws(Fault) {
        self.place = place.description
        placeAndOrigin = place.description + origin
        let token: String?
        if let tokenFile { token = try Self.token(tokenFile) } else { token = nil }
        client = AdministrationClient(place: place.ofClient, token: token, timeout: timeout)
    }

    func get(_ target: String) throws(Fault) -> [UInt8] { try send("GET", target, body: nil) }

    func send(_ method: String, _ target: String, body: [UInt8]?) throws(Fault) -> [UInt8] {
        let response: AdministrationClient.Response
        do throws(AdministrationClientError) {
            response = try client.send(method, target, body: body)
        } catch {
            throw fault(error)
        }
        guard (200..<300).contains(response.status) else {
            // A refusal says itself what is wrong.
            if let refusal = APICoding.value(Refusal.self, from: response.body) {
                let isTokenMissing = [401, 403].contains(response.status) && client.token == nil
                throw Fault(refusal.error + (isTokenMissing ? " Give --token-file PATH, or ask over the socket." : ""))
            }
            throw Fault("it refuses with status \(response.status)", at: placeAndOrigin)
        }
        return response.body
    }

    func stream(_ target: String, take: (StreamedEvent) -> Bool) -> Fault? {
        do {
            try client.stream(target, silence: Self.silence) { take(StreamedEvent(kind: $0.name, data: $0.data)) }
            return nil
        } catch let error as AdministrationClientError {
            return fault(error)
        } catch {
            return Fault("\(error)", at: placeAndOrigin)
        }
    }

    private func fault(_ error: AdministrationClientError) -> Fault {
        if case .refused = error.kind { return Fault(error.reason) }
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

extension AdministrationPlace {
    fileprivate var ofClient: AdministrationClient.Place {
        switch self {
        case .socket(let path): .unix(path)
        case .http(let host, let port): .tcp(host: host, port: Int(port))
        }
    }
}
