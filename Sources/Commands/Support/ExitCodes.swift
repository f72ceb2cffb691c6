import ArgumentParser
import Glibc

extension ExitCode {
    /// 1: the program could not do what it is for. The reference system's chat programs exit so.
    public static let unsuccessful = ExitCode(1)
    /// EX_IOERR of sysexits.h: the output cannot be written to.
    public static let outputError = ExitCode(EX_IOERR)

    /// What a shell shows of a program that a signal ended: 128 and the signal's number.
    public static func signal(_ number: CInt) -> ExitCode { ExitCode(128 + number) }
}

/// Prints a line on standard error that is part of a program's protocol, without the program's name before it.
public func complain(line: String) {
    _ = unsafe "\(line)\n".utf8.withContiguousStorageIfAvailable { unsafe write(2, $0.baseAddress, $0.count) }
}
