/// The version of the three programs. Packages and the image take it from here.
public let version = "0.1.0"
