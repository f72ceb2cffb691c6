import Foundation
import Glibc
import Testing

/// The programs under test, as built by the package.
enum Program: String, Sendable, CustomTestStringConvertible {
    case balancer
    case chatServer = "chat-server"
    case chatClient = "chat-client"

    var testDescription: String { rawValue }

    /// The path of the program: in the folder of the test runner, which has all products, or in `BALANCER_PROGRAMS`.
    func path(at location: SourceLocation = #_sourceLocation) throws -> String {
        let path = try Self.folder() + "/" + rawValue
        guard unsafe access(path, X_OK) == 0 else {
            throw TestFailure("no program at \(path): build the package, or set BALANCER_PROGRAMS", at: location)
        }
        return path
    }

    /// The programs are built with a sanitizer, whose shadow memory takes terabytes of address space.
    static var areSanitized: Bool {
        ["san/", "san-"].contains { ProcessInfo.processInfo.environment["BALANCER_PROGRAMS"]?.contains($0) == true }
    }

    private static func folder() throws -> String {
        if let folder = ProcessInfo.processInfo.environment["BALANCER_PROGRAMS"] { return folder }
        let runner = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(fileURLWithPath: runner).deletingLastPathComponent().path
    }
}
