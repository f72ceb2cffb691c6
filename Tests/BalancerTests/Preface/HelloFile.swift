import Glibc
import Testing

@testable import Balancer

/// A ClientHello of a real client: a file of the folder `Hellos`, written by `Tests/Scripts/record-hellos`. Its first
/// lines say what was asked of the client, and so what is to be found.
struct HelloFile: CustomTestStringConvertible, Sendable {
    /// The file's name without its end.
    let title: String
    /// The records.
    let bytes: [UInt8]
    /// What is in them.
    let expected: ClientHello

    var testDescription: String { title }

    private static let folder = #filePath.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/Hellos"

    /// All files, by name. Empty when the folder cannot be read: a test demands that there are some.
    static let all: [HelloFile] = names.compactMap(HelloFile.init(name:))

    private static var names: [String] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasSuffix(".hex") { names.append(name) }
        }
        return names.sorted()
    }

    private init?(name: String) {
        let descriptor = unsafe open(Self.folder + "/" + name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe read(descriptor, &text, text.count)
        let lines = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
        func said(_ key: String) -> String? {
            lines.first { $0.hasPrefix("# \(key): ") }.map { String($0.dropFirst(key.utf8.count + 4)) }
        }
        guard let host = said("name"), let protocols = said("protocols"), let encrypted = said("encrypted") else {
            return nil
        }
        title = String(name.dropLast(4))
        bytes = Bytes.hex(lines.filter { !$0.hasPrefix("#") }.joined())
        expected = ClientHello(
            name: host == "none" ? nil : ServerName(host),
            protocols: protocols == "none" ? [] : protocols.split(separator: " ").prefix(16).map { Array($0.utf8) },
            isEncrypted: encrypted == "yes")
    }
}

/// Bytes of tests, and what is done to them.
enum Bytes {
    /// The bytes of hexadecimal digits; spaces and line ends are passed over.
    static func hex(_ text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// The handshake message of records that are whole.
    static func message(_ records: [UInt8]) -> [UInt8] {
        var message: [UInt8] = []
        var rest = records[...]
        while rest.count >= 5 {
            let length = Int(rest[rest.startIndex + 3]) << 8 | Int(rest[rest.startIndex + 4])
            message += rest.dropFirst(5).prefix(length)
            rest = rest.dropFirst(5 + length)
        }
        return message
    }

    /// A message in records of the sizes that `size` gives.
    static func records(_ message: [UInt8], minor: UInt8 = 1, size: () -> Int) -> [UInt8] {
        var records: [UInt8] = []
        var rest = message[...]
        while !rest.isEmpty {
            let body = rest.prefix(size())
            records += [22, 3, minor, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
            rest = rest.dropFirst(body.count)
        }
        return records
    }
}

extension ClientHello {
    /// Reads an array, with protocols.
    static func read(_ bytes: [UInt8]) -> ClientHelloResult { read(bytes.span, wantsProtocols: true) }
}
