/// The version of the three programs. The one place where it stands.
public let version = "0.1.0"
