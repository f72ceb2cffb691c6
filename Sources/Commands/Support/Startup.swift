import Glibc
import Reactor

/// What every program here does before anything else.
public enum Startup {
    /// Makes descriptors 0, 1 and 2 stand for something, lets writes without reader fail with EPIPE, lets a
    /// container's first process be ended, and raises the
    /// limit of descriptors. Returns that limit.
    ///
    /// A program started with a standard descriptor closed (`0<&-`) would otherwise open its first socket in that
    /// place and print its lines to it.
    @discardableResult public static func prepare() -> Int {
        while true {
            let number = unsafe open("/dev/null", O_RDWR)
            guard number >= 0 else { break }
            if number > STDERR_FILENO {
                close(number)
                break
            }
        }
        Signals.ignoreBrokenPipes()
        Signals.endProcessOne()
        return DescriptorLimit.raise()
    }
}
