import Foundation
import Glibc
import Testing

/// The programs under test, as the package's build leaves them.
enum Program: String, Sendable, CustomTestStringConvertible {
    case balancer
    case chatServer = "chat-server"
    case chatClient = "chat-client"

    var testDescription: String { rawValue }

    /// Beside the test runner, where the build puts all its products, or where `BALANCER_PROGRAMS` says.
    func path(at location: SourceLocation = #_sourceLocation) throws -> String {
        let path = try Self.folder() + "/" + rawValue
        guard unsafe access(path, X_OK) == 0 else {
            throw TestFailure("no program at \(path): build the package, or set BALANCER_PROGRAMS", at: location)
        }
        return path
    }

    private static func folder() throws -> String {
        if let folder = ProcessInfo.processInfo.environment["BALANCER_PROGRAMS"] { return folder }
        let runner = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(fileURLWithPath: runner).deletingLastPathComponent().path
    }
}
