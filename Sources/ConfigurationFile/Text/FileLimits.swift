/// The limits of a configuration file. Each is far above what a configuration needs, and far below what would delay a
/// start or a reload.
public enum FileLimits {
    /// The most statuses and ranges of them of a check.
    static let statusesMax = 16
    /// The most names by which administration may be asked over HTTP.
    static let hostsMax = 16
    /// The most bytes of one file. 4,096 backends with a line each are some 300 KiB.
    public static let bytesMax = 1 << 20
    /// The most files that `include` may bring.
    public static let filesMax = 256
    /// The most bytes of all files together.
    public static let bytesInAllMax = 8 << 20
    /// The most values of all files, each alias counted with everything that it stands for: aliases of aliases would
    /// otherwise be more than any memory holds.
    public static let valuesMax = 200_000
    /// How deep values may stand within each other. The deepest key stands at 6.
    public static let depthMax = 32
    /// The most aliases in a file whose keys are more than words: see `ComplexKeys`.
    static let aliasesMax = 32
    /// How many keys that stand twice are looked for in one file.
    static let duplicatesMax = 32
    /// The longest text of a value, variables replaced.
    public static let textBytesMax = 4096
    /// The longest name of a listener, pool or backend.
    public static let nameBytesMax = 64
    /// The most ports of one range in `bind`.
    public static let portRangeMax = 256
    /// The most backends that are discovered for a pool, unless it says otherwise. Sixteen such pools are as many as there
    /// can be (`Limits.backendsMax`), and what no such pool needs is a sign of a wrong answer.
    public static let discoveredMax = 256
    /// The most networks that a list has in the file itself; a file of networks may have more.
    public static let networksListedMax = 4096
    /// The most bytes of one file of networks: `Limits.networksMax` of them with their line breaks take some 20.
    public static let networkFileBytesMax = 32 << 20
    /// The most bytes of all files of networks together.
    public static let networkFilesBytesMax = 64 << 20
    /// After so many mistakes in a file of networks the rest of it is not read.
    static let networkMistakesMax = 1000
    /// The most source addresses of a pool.
    public static let sourcesMax = 64
}
