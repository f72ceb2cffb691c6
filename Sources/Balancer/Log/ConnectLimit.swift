/// Which limit of ``Configuration/Retries`` has ended the attempts to connect: the key in a configuration file.
public enum ConnectLimit: String, Sendable {
    /// The number of attempts.
    case attempts = "retries.max"
    /// The time for all of them.
    case time = "retries.timeout"
}
