import Glibc

/// The environment of the process.
public enum Environment {
    /// The value of a variable; nil when it is not set.
    public static func value(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// Takes a variable out, so that no child inherits it. Only while there is one thread: getenv(3).
    public static func remove(_ name: String) {
        unsafe unsetenv(name)
    }
}
