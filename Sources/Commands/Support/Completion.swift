import ArgumentParser

extension CompletionKind {
    /// The names of hosts that this machine knows without asking a name server.
    public static var host: CompletionKind {
        .shellCommand("getent hosts | tr -s ' ' '\\n' | sort -u")
    }
}
