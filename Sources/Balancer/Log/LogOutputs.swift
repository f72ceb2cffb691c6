import Reactor

/// The two outputs of the event log, for results and errors, or for sessions and events: one buffer where both lead to the same
/// file, so that lines keep their order.
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

    /// One destination for both.
    init(both stream: consuming OutputStream, _ gap: @escaping LineLog.GapLine) {
        isMerged = true
        errors = nil
        output = LineLog(stream, gap: gap)
    }

    /// Two destinations, each with its own way to tell of missing lines.
    init(
        output: consuming OutputStream, _ outputGap: @escaping LineLog.GapLine, errors: consuming OutputStream,
        _ errorGap: @escaping LineLog.GapLine
    ) {
        isMerged = false
        self.output = LineLog(output, gap: outputGap)
        self.errors = LineLog(errors, gap: errorGap)
    }

    /// Lines that were dropped since the start.
    func lostLines() -> Int { output.lostLines() + (errors?.lostLines() ?? 0) }

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

    /// Writes the last lines of standard error. Returns how many are missing there without a line that says so.
    @discardableResult mutating func finishErrors() -> Int {
        errors?.finish(milliseconds: Self.finishMilliseconds) ?? 0
    }

    /// Opens those that are files anew.
    mutating func reopen() {
        output.reopen()
        errors?.reopen()
    }

    /// Why a file could not be opened anew, once for each attempt.
    mutating func takeReopenFailure() -> Errno? {
        output.takeReopenFailure() ?? errors?.takeReopenFailure()
    }

    /// Waits for a slow reader when less than half of the buffer is free: when many sessions are cut at once, each
    /// still has its record. Only for a loop that is stopping.
    mutating func waitForSpace() {
        guard hasReader, output.pendingBytes > LineLog.standardCapacity / 2 else { return }
        output.finish(milliseconds: Self.finishMilliseconds)
        hasReader = output.pendingBytes == 0
    }
}
