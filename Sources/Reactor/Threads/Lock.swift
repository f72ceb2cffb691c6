import Glibc

/// A lock between threads: pthread_mutex_lock(3). For short and rare sections; the data path takes none.
///
/// Not `Synchronization.Mutex`, whose value can only be reached inside a closure: an accessor that yields a value in
/// place has to lock and unlock around its `yield`. Nor does the thread sanitizer know that lock: it reports races
/// where there are none.
///
/// Unchecked `Sendable`: the pointer never changes, and pthread's functions may be called on a mutex from any thread.
@safe public struct Lock: ~Copyable, @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    /// A lock that is free.
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

    /// Waits until the lock is free, and takes it.
    public func lock() {
        unsafe pthread_mutex_lock(mutex)
    }

    /// Frees the lock; to be called by the thread that took it.
    public func unlock() {
        unsafe pthread_mutex_unlock(mutex)
    }
}
