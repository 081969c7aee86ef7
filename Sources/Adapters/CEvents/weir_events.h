#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/// The name of the calling thread in tools; at most 15 characters.
static inline void weir_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

static inline int weir_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int weir_bell(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
