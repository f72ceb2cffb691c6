import Reactor

/// Standard output and standard error as the event log writes them: one buffer where both lead to the same file, so that
/// lines keep their order.
struct LogOutputs: ~Copyable {
    private var output: LineLog
    /// nil when `output` takes these lines as well.
    private var errors: LineLog?
    /// Both lead to the same file.
    let isMerged: Bool
    /// False once `waitForSpace` has waited in vain.
    private var hasReader = true

    /// How long the last lines may wait for a slow reader or disk when the balancer ends.
    static let finishMilliseconds: CInt = 500

    init(output: consuming OutputStream, errors: consuming OutputStream) {
        isMerged = errors.isSame(as: output)
        self.errors = isMerged ? nil : LineLog(errors)
        self.output = LineLog(output)
    }

    func add(to poller: borrowing Poller, _ token: Token) {
        output.add(to: poller, token)
        errors?.add(to: poller, token)
    }

    mutating func result(_ write: (inout LineLog.Record) -> Void) {
        output.record(write)
    }

    mutating func error(_ write: (inout LineLog.Record) -> Void) {
        if isMerged { output.record(write) } else { errors?.record(write) }
    }

    /// Writes the lines recorded since the last call. Returns why standard output takes none, once each time that it
    /// begins to fail; nil when standard error leads to the same file, since it could not tell.
    mutating func flush() -> Errno? {
        errors?.flush()
        output.flush()
        return isMerged ? nil : output.takeFailure()
    }

    /// Writes the last lines of standard output. Returns how many lines are missing there without a line that says so; 0
    /// when standard error leads to the same file.
    mutating func finishResults() -> Int {
        let missing = output.finish(milliseconds: Self.finishMilliseconds)
        return isMerged ? 0 : missing
    }

    mutating func finishErrors() {
        errors?.finish(milliseconds: Self.finishMilliseconds)
    }

    /// Waits for a slow reader when less than half of the buffer is free: when many sessions are cut at once, each
    /// still has its record. Only for a loop that is stopping.
    mutating func waitForSpace() {
        guard hasReader, output.pendingBytes > LineLog.standardCapacity / 2 else { return }
        output.finish(milliseconds: Self.finishMilliseconds)
        hasReader = output.pendingBytes == 0
    }
}
