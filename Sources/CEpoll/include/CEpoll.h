// CEpoll: the system calls that Swift's Glibc module does not offer, or not in a form that Swift can use.
//
// Each function returns the result of its call, or -errno. No state and no logic live here: what the calls are used
// for is decided in Sources/Reactor.
#ifndef CEPOLL_H
#define CEPOLL_H

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

// MARK: epoll(7)

// Enumerators and function-like macros of <sys/epoll.h> arrive in Swift as distinct types or not at all.
static const uint32_t CEPOLL_IN = EPOLLIN;
static const uint32_t CEPOLL_OUT = EPOLLOUT;
static const uint32_t CEPOLL_PRI = EPOLLPRI;
static const uint32_t CEPOLL_RDHUP = EPOLLRDHUP;
static const uint32_t CEPOLL_HUP = EPOLLHUP;
static const uint32_t CEPOLL_ERR = EPOLLERR;
static const uint32_t CEPOLL_ET = (uint32_t)EPOLLET;

static inline int cepoll_create(void) {
    int result = epoll_create1(EPOLL_CLOEXEC);
    return result < 0 ? -errno : result;
}

static inline int cepoll_add(int epoll, int descriptor, uint32_t interest, uint64_t data) {
    struct epoll_event event = {.events = interest, .data = {.u64 = data}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

static inline int cepoll_remove(int epoll, int descriptor) {
    return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL) < 0 ? -errno : 0;
}

static inline int cepoll_wait(int epoll, struct epoll_event *events, int capacity, int milliseconds) {
    int result = epoll_wait(epoll, events, capacity, milliseconds);
    return result < 0 ? -errno : result;
}

// struct epoll_event is packed on x86-64, and its data is a union.
static inline uint32_t cepoll_event_readiness(const struct epoll_event *event) { return event->events; }
static inline uint64_t cepoll_event_data(const struct epoll_event *event) { return event->data.u64; }
static inline void cepoll_event_set(struct epoll_event *event, uint32_t readiness, uint64_t data) {
    event->events = readiness;
    event->data.u64 = data;
}

// MARK: timerfd_create(2), eventfd(2), signalfd(2)

static inline int cepoll_timer_create(void) {
    int result = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return result < 0 ? -errno : result;
}

// Arms the timer for one expiry at an absolute time of CLOCK_MONOTONIC; 0 disarms it.
static inline int cepoll_timer_set(int timer, uint64_t nanoseconds) {
    struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(nanoseconds / 1000000000u),
                                           .tv_nsec = (long)(nanoseconds % 1000000000u)}};
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL) < 0 ? -errno : 0;
}

static inline int cepoll_event_create(void) {
    int result = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return result < 0 ? -errno : result;
}

static inline int cepoll_signal_create(const sigset_t *signals) {
    int result = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return result < 0 ? -errno : result;
}

// Blocks (how = 1) or unblocks (how = 0) signals of the calling thread.
static inline int cepoll_signal_mask(int block, const sigset_t *signals) {
    return -pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, signals, NULL);
}

// SIG_IGN is a cast of a constant, which Swift does not import.
static inline void cepoll_ignore(int number) { (void)signal(number, SIG_IGN); }

// Ends the process as a signal without a handler would: only exit, which is safe in a handler, see signal-safety(7).
static inline void cepoll_exit_by_signal(int number) { _exit(128 + number); }
static inline void cepoll_exit_on(int number) { (void)signal(number, cepoll_exit_by_signal); }

// MARK: socket(2), accept4(2)

// <sys/socket.h> declares it for _GNU_SOURCE only, with which this module's view of libc would differ from Glibc's.
extern int accept4(int, struct sockaddr *restrict, socklen_t *restrict, int);

static inline int cepoll_socket(int domain) {
    int result = socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return result < 0 ? -errno : result;
}

static inline int cepoll_datagram_socket(int domain) {
    int result = socket(domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return result < 0 ? -errno : result;
}

static inline int cepoll_accept(int listener, struct sockaddr *address, socklen_t *length) {
    int result = accept4(listener, address, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return result < 0 ? -errno : result;
}

static inline int cepoll_set_option(int socket, int level, int option, int value) {
    return setsockopt(socket, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

static inline int cepoll_get_option(int socket, int level, int option, int *value) {
    socklen_t length = sizeof *value;
    return getsockopt(socket, level, option, value, &length) < 0 ? -errno : 0;
}

// SO_BUF_LOCK, which glibc 2.36 does not name.
enum { CEPOLL_SO_BUF_LOCK = 72 };

// The smoothed round trip of a TCP connection in microseconds (TCP_INFO).
static inline int cepoll_round_trip(int socket) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ? -errno : (int)info.tcpi_rtt;
}

// SIOCOUTQ: bytes, and the FIN, that were written and that the peer has not acknowledged.
static inline int cepoll_unacknowledged(int socket) {
    int count = 0;
    return ioctl(socket, SIOCOUTQ, &count) < 0 ? -errno : count;
}

// SO_LINGER with a timeout of 0: the close that follows sends a RST and leaves no TIME_WAIT.
static inline int cepoll_set_reset_on_close(int socket) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0 ? -errno : 0;
}

// MARK: pipe2(2), splice(2), F_SETPIPE_SZ: for _GNU_SOURCE only, as accept4 is. The numbers are the kernel's.

extern int pipe2(int *, int);
extern ssize_t splice(int, off_t *, int, off_t *, size_t, unsigned int);

enum { CEPOLL_F_SETPIPE_SZ = 1031, CEPOLL_SPLICE_F_MOVE = 1, CEPOLL_SPLICE_F_NONBLOCK = 2 };

static inline int cepoll_pipe(int *ends) {
    return pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

// The size in force, at least `bytes`, or -errno.
static inline int cepoll_pipe_set_size(int pipe, int bytes) {
    int result = fcntl(pipe, CEPOLL_F_SETPIPE_SZ, bytes);
    return result < 0 ? -errno : result;
}

static inline ssize_t cepoll_splice(int from, int to, size_t count) {
    ssize_t result = splice(from, NULL, to, NULL, count, CEPOLL_SPLICE_F_MOVE | CEPOLL_SPLICE_F_NONBLOCK);
    return result < 0 ? -errno : result;
}

// MARK: mmap(2): MAP_FAILED is a cast of a constant, which Swift does not import.

// Memory that costs nothing before it is touched, or NULL.
static inline void *cepoll_map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

// All threads allocate from one heap. Otherwise each reserves 64 MiB of address space for a heap of its own: mallopt(3).
static inline void cepoll_share_heap(void) { (void)mallopt(M_ARENA_MAX, 1); }

// MARK: pthread_setname_np(3): declared for _GNU_SOURCE only.

extern int pthread_setname_np(pthread_t, const char *);

// Names the calling thread; at most 15 bytes.
static inline int cepoll_name_thread(const char *name) { return -pthread_setname_np(pthread_self(), name); }

// MARK: sched_setaffinity(2): cpu_set_t and its macros are for _GNU_SOURCE only.

extern long syscall(long, ...);

// Lets the calling thread run on one core only, of the first 1024.
static inline int cepoll_pin_thread(unsigned core) {
    unsigned long mask[16] = {0};
    if (core >= sizeof mask * 8) return -EINVAL;
    mask[core / (8 * sizeof *mask)] = 1UL << core % (8 * sizeof *mask);
    return syscall(SYS_sched_setaffinity, 0, sizeof mask, mask) < 0 ? -errno : 0;
}

// MARK: open(2), fcntl(2), getrlimit(2): variadic, or with an enumerator for a parameter.

static inline int cepoll_duplicate(int descriptor) {
    int result = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return result < 0 ? -errno : result;
}

static inline int cepoll_set_close_on_exec(int descriptor) {
    return fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

static inline int cepoll_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static inline int cepoll_open(const char *path, int flags) {
    int result = open(path, flags | O_CLOEXEC);
    return result < 0 ? -errno : result;
}

// A file that lines are appended to, or -errno. O_NONBLOCK: a FIFO without a reader is an error, not a wait.
static inline int cepoll_open_log(const char *path, unsigned mode) {
    int result = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, mode);
    return result < 0 ? -errno : result;
}

// `descriptor` becomes the open file of `replacement`, in one step; both stay open.
static inline int cepoll_replace(int descriptor, int replacement) {
    return syscall(SYS_dup3, replacement, descriptor, O_CLOEXEC) < 0 ? -errno : 0;
}

static inline int cepoll_address_space_limit(struct rlimit *limit) {
    return getrlimit(RLIMIT_AS, limit) < 0 ? -errno : 0;
}

static inline int cepoll_descriptor_limit(struct rlimit *limit) {
    return getrlimit(RLIMIT_NOFILE, limit) < 0 ? -errno : 0;
}

static inline int cepoll_set_descriptor_limit(const struct rlimit *limit) {
    return setrlimit(RLIMIT_NOFILE, limit) < 0 ? -errno : 0;
}

#endif
