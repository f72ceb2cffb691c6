/// A file of networks that a configuration file names.
public struct NetworkFile: Hashable, Sendable {
    /// Its path, as this process finds it.
    public let path: String
    /// The version that was read, or one before it; nil when there was none, or it could not be asked for.
    public let stamp: FileStamp?

    /// A file, and the version that was read.
    public init(path: String, stamp: FileStamp?) {
        self.path = path
        self.stamp = stamp
    }
}
