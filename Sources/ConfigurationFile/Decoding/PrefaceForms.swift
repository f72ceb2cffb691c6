import Balancer
import Wording

/// How the texts are written that say what happens before the first byte of a session.
enum PrefaceForms {
    static func read(_ text: String, _ form: TextForm) throws(ArgumentFault) -> Value {
        switch form {
        case .network: return .network(try network(text))
        case .rate: return .rate(try RateText.parse(text))
        case .serverName: return .serverName(try serverName(text))
        case .poolOrClose where text == "close": return .word(text)
        case .poolOrClose:
            guard ScalarReader.wrongName(text) == nil else { break }
            return .text(text)
        case .proxyVersion:
            guard ProxyVersion(rawValue: text) != nil else { break }
            return .word(text)
        case .protocolName:
            guard (1...255).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21..<0x7F).contains($0) }) else {
                break
            }
            return .text(text)
        default: break
        }
        throw ArgumentFault("\(form.needed) is needed")
    }

    static func network(_ text: String) throws(ArgumentFault) -> Network {
        do throws(NetworkError) {
            return try Network(text)
        } catch {
            // The text stands before it in every message.
            throw ArgumentFault(String(error.description.trimmingPrefix("\(text): ")))
        }
    }

    private static func serverName(_ text: String) throws(ArgumentFault) -> ServerNamePattern {
        do throws(ServerNamePattern.Fault) {
            return try ServerNamePattern(text)
        } catch {
            throw ArgumentFault(error.description)
        }
    }
}
