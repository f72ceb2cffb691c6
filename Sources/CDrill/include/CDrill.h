// CDrill: the system calls of a drill on a copy that Swift's Glibc module does not offer.
#ifndef CDRILL_H
#define CDRILL_H

#include <sys/types.h>

// Gives the calling thread, and those that it starts, a network of their own: the loopback interface, which is up.
// 0; 1 when this process may not, as without the capability CAP_SYS_ADMIN, and all is as it was; -errno when the network
// is there and cannot be used.
int cdrill_own_network(void);

// Starts a program in a session of its own, with its standard output and standard error at `log`, and its input at
// /dev/null. It is ended by SIGTERM when the calling thread ends. Both lists end with NULL. Its process id, or -errno.
pid_t cdrill_start(const char *path, char *const arguments[], char *const environment[], int log);

#endif
