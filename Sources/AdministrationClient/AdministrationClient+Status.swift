import AdministrationAPI

extension AdministrationClient {
    /// What the balancer says of itself.
    public func status() throws(AdministrationClientError) -> Status { try ask(Status.self, "GET", Target.status) }
}
