#define _GNU_SOURCE
#include "CDrill.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

int cdrill_own_network(void) {
    if (unshare(CLONE_NEWNET) < 0) return 1;
    int number = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (number < 0) return -errno;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    int result = ioctl(number, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
    close(number);
    return result;
}

pid_t cdrill_start(const char *path, char *const arguments[], char *const environment[], int log) {
    pid_t parent = getpid();
    pid_t child = fork();
    if (child != 0) return child < 0 ? -errno : child;
    // Only what is safe in a child of a process with threads: signal-safety(7).
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    // Ctrl-C at the terminal is for the parent, which ends the child when it is done with it.
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    // It may have ended before that.
    if (getppid() != parent) _exit(127);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(127);
    if (null > 2) close(null);
    execve(path, arguments, environment);
    _exit(127);
}
