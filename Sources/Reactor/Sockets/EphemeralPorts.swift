import Glibc

/// The ports that the kernel chooses from for connections that are not bound to one.
public enum EphemeralPorts {
    /// Linux's default. Source: ip(7), `ip_local_port_range`.
    static let lowestByDefault: UInt16 = 32768

    /// The lowest of them, as this network namespace has it now.
    public static func lowest() -> UInt16 {
        let number = kernel.open("/proc/sys/net/ipv4/ip_local_port_range", flags: O_RDONLY)
        guard number >= 0 else { return lowestByDefault }
        let file = FileDescriptor(owning: number)
        let text = unsafe [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            count = max(0, unsafe kernel.read(file.rawValue, UnsafeMutableRawBufferPointer(buffer)))
        }
        return lowest(in: String(decoding: text, as: UTF8.self)) ?? lowestByDefault
    }

    /// The first number of `32768	60999`.
    static func lowest(in text: String) -> UInt16? {
        text.split(whereSeparator: \.isWhitespace).first.flatMap { UInt16($0) }
    }
}
