/// The ports that the kernel chooses from for connections that are not bound to one.
public enum EphemeralPorts {
    /// Linux's default. Source: ip(7), `ip_local_port_range`.
    static let lowestByDefault: UInt16 = 32768

    /// The lowest of them, as this network namespace has it now.
    public static func lowest() -> UInt16 {
        SmallFile.text("/proc/sys/net/ipv4/ip_local_port_range").flatMap(lowest(in:)) ?? lowestByDefault
    }

    /// The first number of `32768	60999`.
    static func lowest(in text: String) -> UInt16? {
        text.split(whereSeparator: \.isWhitespace).first.flatMap { UInt16($0) }
    }
}
