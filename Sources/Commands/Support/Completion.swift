import ArgumentParser

extension CompletionKind {
    /// The host names in this machine's own database, which need no query to a name server.
    public static var host: CompletionKind {
        .shellCommand("getent hosts | tr -s ' ' '\\n' | sort -u")
    }
}
