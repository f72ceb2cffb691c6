/// A descriptor with one owner, which closes it when it ends.
///
/// The empty descriptor (`isOpen` false) stands where there is none yet, which avoids an `Optional` on the hot path.
public struct FileDescriptor: ~Copyable, Sendable {
    /// The number the kernel gave, or -1 for the empty descriptor. For system calls only: it must not outlive the
    /// owner.
    public let rawValue: CInt

    /// Takes over a descriptor, which from now on only this value closes.
    public init(owning rawValue: CInt) {
        self.rawValue = rawValue
    }

    /// The empty descriptor.
    public static var empty: FileDescriptor { FileDescriptor(owning: -1) }

    /// False of the empty descriptor.
    public var isOpen: Bool { rawValue >= 0 }

    /// Gives the descriptor up without closing it, to hand it to another owner.
    public consuming func release() -> CInt {
        let number = rawValue
        discard self
        return number
    }

    deinit {
        if rawValue >= 0 { kernel.close(rawValue) }
    }
}
