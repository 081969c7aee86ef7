#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/// The name of the calling thread in tools; at most 15 characters.
static inline void weir_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

static inline int weir_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

/// What is written to a broken pipe or socket on this thread is an error, and ends nothing.
static inline void weir_block_broken_pipes(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, 0);
}

static inline int weir_bell(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
