import Glibc

/// The pause between two looks at a condition that a test waits for, with a deadline: the only sleep that tests have, beside that
/// of the integration tests.
public enum Pause {
    /// Sleeps for a few milliseconds.
    public static func brief() { usleep(2000) }
}
