import Glibc

extension LineLog {
    /// The record that is being written: its pieces are appended to the bytes that the log has pending.
    ///
    /// Once a piece does not fit, the record is refused, and the lines that follow are only counted.
    @safe public struct Record: ~Copyable {
        var pending: ByteQueue
        /// How many bytes were pending when the record began.
        private var mark = 0
        private var isRefused = false
        private var refusedLines = 0

        init(capacity: Int) {
            pending = ByteQueue(reserving: capacity)
        }

        /// Appends bytes as they are.
        public mutating func append(_ bytes: Span<UInt8>) {
            unsafe bytes.withUnsafeBufferPointer { unsafe append(copying: $0) }
        }

        /// Appends a text.
        public mutating func append(_ text: String) {
            // Native strings are contiguous; the copy is for those that came from elsewhere.
            let done: Void? = unsafe text.utf8.withContiguousStorageIfAvailable { unsafe append(copying: $0) }
            if done == nil { append(Array(text.utf8).span) }
        }

        /// Appends a text of the program.
        public mutating func append(_ text: StaticString) {
            text.withUTF8Buffer { unsafe append(copying: $0) }
        }

        /// Appends a number in decimal digits.
        @inlinable public mutating func append(_ number: some FixedWidthInteger) {
            if number < 0 { append("-") }
            append(digits: UInt64(number.magnitude))
        }

        @usableFromInline mutating func append(digits number: UInt64) {
            // The digits of the largest number.
            var digits = InlineArray<20, UInt8>(repeating: 0)
            var first = digits.count
            var rest = number
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            append(digits.span.extracting(first..<digits.count))
        }

        /// Appends the address without its port, as ``SocketAddress/host`` has it.
        public mutating func append(host address: SocketAddress) {
            address.withHostText { append($0) }
        }

        mutating func append(copying bytes: UnsafeBufferPointer<UInt8>) {
            let raw = UnsafeRawBufferPointer(bytes)
            if !isRefused, unsafe pending.append(raw) { return }
            isRefused = true
            refusedLines += unsafe Self.lines(in: raw)
        }

        /// The number of line ends.
        static func lines(in bytes: UnsafeRawBufferPointer) -> Int {
            var count = 0
            var place = 0
            // A call per line costs a tenth of a look at each byte: each line of a log in a file is counted.
            while place < bytes.count, let start = bytes.baseAddress,
                let end = unsafe memchr(start + place, CInt(UInt8(ascii: "\n")), bytes.count - place)
            {
                count += 1
                place = unsafe UnsafeRawPointer(end) - start + 1
            }
            return count
        }

        mutating func begin(refusing: Bool) {
            mark = pending.count
            isRefused = refusing
            refusedLines = 0
        }

        /// Ends the record. When it was refused, removes its pieces and returns how many lines it had.
        mutating func end() -> Int? {
            guard isRefused else { return nil }
            let written = unsafe UnsafeRawBufferPointer(rebasing: pending.bytes[mark...])
            refusedLines += unsafe Self.lines(in: written)
            pending.removeLast(pending.count - mark)
            return refusedLines
        }
    }
}
