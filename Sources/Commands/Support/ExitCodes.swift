import ArgumentParser
import Glibc

extension ExitCode {
    /// 1: the program could not do its task. The chat programs of the reference system exit with this code.
    public static let unsuccessful = ExitCode(1)
    /// EX_NOHOST of sysexits.h: no backend's name has an address; another attempt may succeed.
    public static let unknownHost = ExitCode(EX_NOHOST)
    /// EX_IOERR of sysexits.h: the output cannot be written.
    public static let outputError = ExitCode(EX_IOERR)

    /// The exit code that a shell reports for a program ended by a signal: 128 plus the signal's number.
    public static func signal(_ number: CInt) -> ExitCode { ExitCode(128 + number) }
}

/// Prints a line on standard error without the program's name before it, because the reference system defines the line.
public func complain(line: String) {
    _ = unsafe "\(line)\n".utf8.withContiguousStorageIfAvailable { unsafe write(2, $0.baseAddress, $0.count) }
}
