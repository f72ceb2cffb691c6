@testable import Discovery

/// Bytes written by hand: pairs of hexadecimal digits, and text between apostrophes. Spaces mean nothing.
func wire(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var digits = ""
    var isText = false
    for character in text {
        if character == "'" {
            isText.toggle()
        } else if isText {
            bytes += Array(String(character).utf8)
        } else if character.isHexDigit {
            digits.append(character)
            if digits.count == 2 {
                bytes.append(UInt8(digits, radix: 16) ?? 0)
                digits = ""
            }
        }
    }
    precondition(digits.isEmpty && !isText, "half a byte, or text without an end: \(text)")
    return bytes
}

func name(_ text: String) throws -> DomainName { text == "." ? .root : try DomainName(text) }

func question(_ text: String, _ type: RecordType) throws -> Question {
    Question(name: try name(text), type: type)
}

func word(_ number: Int) -> [UInt8] { [UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)] }

/// An answer that a test's name server gives. It is put together here and not by the code under test.
struct Answer {
    var id: UInt16 = 0x1234
    /// QR, RD and RA: an ordinary answer.
    var flags = 0x8180
    var code = 0
    var question: [UInt8] = []
    var answers: [[UInt8]] = []
    var authorities: [[UInt8]] = []
    var additional: [[UInt8]] = []

    /// An answer that repeats a question's id and question.
    init(to request: [UInt8], code: Int = 0) {
        id = UInt16(request[0]) << 8 | UInt16(request[1])
        self.code = code
        question = Array(request[12..<Answer.questionEnd(request)])
    }

    /// The place behind the question of a request.
    static func questionEnd(_ request: [UInt8]) -> Int {
        var place = 12
        while request[place] != 0 { place += 1 + Int(request[place]) }
        return place + 5
    }

    var bytes: [UInt8] {
        word(Int(id)) + word(flags | code) + word(question.isEmpty ? 0 : 1) + word(answers.count)
            + word(authorities.count) + word(additional.count) + question
            + (answers + authorities + additional).flatMap { $0 }
    }

    // MARK: records

    /// Labels as text, without compression.
    static func labels(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    static func record(_ name: String, _ type: Int, ttl: Int = 300, _ data: [UInt8]) -> [UInt8] {
        labels(name) + word(type) + word(1) + word(ttl >> 16) + word(ttl & 0xFFFF) + word(data.count) + data
    }

    static func a(_ name: String, _ address: [UInt8], ttl: Int = 300) -> [UInt8] { record(name, 1, ttl: ttl, address) }

    /// An address of `2001:db8::/64` that ends in this number.
    static func aaaa(_ name: String, _ last: UInt8, ttl: Int = 300) -> [UInt8] {
        record(name, 28, ttl: ttl, wire("2001 0DB8") + [UInt8](repeating: 0, count: 11) + [last])
    }

    static func cname(_ name: String, _ target: String, ttl: Int = 300) -> [UInt8] {
        record(name, 5, ttl: ttl, labels(target))
    }

    static func srv(
        _ name: String, _ target: String, port: Int, priority: Int = 0, weight: Int = 0, ttl: Int = 300
    ) -> [UInt8] {
        record(name, 33, ttl: ttl, word(priority) + word(weight) + word(port) + labels(target))
    }

    /// Of a zone without anything that matters here.
    static func soa(_ name: String) -> [UInt8] {
        record(name, 6, labels("ns.\(name)") + labels("admin.\(name)") + [UInt8](repeating: 0, count: 20))
    }

    static func opt(highCode: UInt8 = 0) -> [UInt8] { [0] + word(41) + word(1232) + [highCode, 0, 0, 0] + word(0) }
}
