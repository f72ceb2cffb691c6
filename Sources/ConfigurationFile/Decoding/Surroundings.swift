import Glibc
import Reactor

/// What reading a file asks the machine for, besides the files; tests answer in its place.
public struct Surroundings: Sendable {
    /// The value of a variable of the environment; nil when it is not set.
    public var variable: @Sendable (String) -> String?
    /// The number of a user by name; nil when there is none of this name.
    public var user: @Sendable (String) -> UInt32?
    /// The number of a group by name; nil when there is none of this name.
    public var group: @Sendable (String) -> UInt32?

    /// Answers in place of the machine.
    public init(
        variable: @escaping @Sendable (String) -> String?, user: @escaping @Sendable (String) -> UInt32?,
        group: @escaping @Sendable (String) -> UInt32?
    ) {
        self.variable = variable
        self.user = user
        self.group = group
    }

    /// This process, and this machine's users and groups.
    public static let process = Surroundings(
        variable: { Environment.value($0) },
        user: { name in
            let entry = unsafe getpwnam(name)
            return unsafe entry.map { unsafe $0.pointee.pw_uid }
        },
        group: { name in
            let entry = unsafe getgrnam(name)
            return unsafe entry.map { unsafe $0.pointee.gr_gid }
        })
}
