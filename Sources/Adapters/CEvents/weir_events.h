#include <errno.h>
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

/// Waits for so many nanoseconds; in whole milliseconds where the kernel is older than 5.11 or a sandbox does not know the
/// call.
static inline int weir_epoll_wait(int poll, struct epoll_event *events, int most, long long nanoseconds) {
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    int count = epoll_pwait2(poll, events, most, &time, 0);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    return epoll_wait(poll, events, most, (int)((nanoseconds + 999999) / 1000000));
}

/// Waits of the calling thread end within a microsecond of their time; usual are 50.
static inline void weir_wake_punctually(void) { prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); }

static inline int weir_bell(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
