import Reactor

/// What steward and prober are made from: passed to the one loop of the process that has them.
struct ProcessDuties: ~Copyable {
    /// SIGTERM, SIGINT and SIGHUP, blocked in all threads.
    var signals: Signals?
    /// The service manager that started the process.
    var service: ServiceManager?
    /// Brings requests of other threads.
    var control: ControlChannel?
    /// Resolves the names of backends.
    var lookUp = BackgroundResolver.system
}
