import Glibc
import Reactor

/// The first steps of every program here.
public enum Startup {
    /// Opens descriptors 0, 1 and 2 if they are closed, makes writes without a reader fail with EPIPE, makes a
    /// container's first process end on signals, and raises the limit of descriptors. Returns that limit.
    ///
    /// A program started with a standard descriptor closed (`0<&-`) would otherwise get its first socket under that
    /// number and print its lines to it.
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
