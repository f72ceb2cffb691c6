import Glibc
import Reactor

/// The file with the tokens for changes over HTTP: one in each line.
enum TokenFile {
    /// Why a file has no tokens, with the remedy.
    struct Fault: Error {
        let description: String
    }

    private static let lengths = 16...512
    /// As many as a change from one token to the next needs, and some.
    private static let tokensMax = 8

    /// The tokens of a file.
    static func read(_ path: String) throws(Fault) -> [[UInt8]] {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            throw Fault(
                description:
                    "\(Errno(rawValue: errno)): create it, with one line of \(lengths.lowerBound) characters or more")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Fault(description: "it is no regular file") }
        guard status.st_mode & S_IROTH == 0 else {
            throw Fault(description: "everybody may read it: chmod 600 (or 640) it")
        }
        guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw Fault(description: "others than its owner may write it: chmod 600 (or 640) it")
        }
        guard let text = SmallFile.text(path) else {
            throw Fault(description: "this user may not read it: change its owner, or its group")
        }
        let lines = text.split(whereSeparator: \.isNewline)
        guard !lines.isEmpty else {
            throw Fault(
                description: "it is empty: write a token into it, one line of \(lengths.lowerBound) characters or more")
        }
        guard lines.count <= tokensMax else {
            throw Fault(description: "\(lines.count) lines: at most \(tokensMax) tokens")
        }
        for (place, line) in lines.enumerated() where !isToken(line) {
            throw Fault(
                description:
                    "line \(place + 1): a token has \(lengths.lowerBound) to \(lengths.upperBound) printable characters "
                    + "of ASCII, without spaces")
        }
        return lines.map { Array($0.utf8) }
    }

    private static func isToken(_ line: Substring) -> Bool {
        lengths.contains(line.utf8.count) && line.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}
