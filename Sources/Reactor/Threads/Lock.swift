import Glibc

/// A lock between threads: pthread_mutex_lock(3). For what is short and rare; the data path takes none.
///
/// Not `Synchronization.Mutex`, whose value can only be reached inside a closure: an accessor that lends a value in
/// place takes and gives back the lock around its `yield`. Nor does the thread sanitizer know that lock: it reports
/// races where there are none.
///
/// Unchecked: a pointer, which is never changed, to what pthread calls from any thread are made for.
@safe public struct Lock: ~Copyable, @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    /// A lock that nobody holds.
    public init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        let result = unsafe pthread_mutex_init(mutex, nil)
        precondition(result == 0, "a plain mutex cannot be made")
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Waits until nobody holds it, and takes it.
    public func lock() {
        unsafe pthread_mutex_lock(mutex)
    }

    /// Gives it back; by the thread that took it.
    public func unlock() {
        unsafe pthread_mutex_unlock(mutex)
    }
}
