/// Which backend: the names of its pool and its own.
public struct BackendReference: Hashable, Sendable, CustomStringConvertible {
    /// The pool's name.
    public let pool: String
    /// The backend's name.
    public let backend: String

    /// The backend of this name in this pool.
    public init(pool: String, backend: String) {
        self.pool = pool
        self.backend = backend
    }

    /// `web/b2`
    public var description: String { "\(pool)/\(backend)" }
}

extension Status {
    /// All backends of all pools, in their order.
    public var backendsByReference: [(BackendReference, Backend)] {
        pools.flatMap { pool in
            pool.backends.map { (BackendReference(pool: pool.name, backend: $0.name), $0) }
        }
    }

    /// One backend; nil when there is none of these names.
    public func backend(_ reference: BackendReference) -> Backend? {
        pools.first { $0.name == reference.pool }?.backends.first { $0.name == reference.backend }
    }
}

extension Status.Backend {
    /// New clients may be sent to it.
    public var isUsable: Bool { state == "up" || state == "unchecked" }
}
