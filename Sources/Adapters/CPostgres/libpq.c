#include "weir_postgres.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

/// The library's functions, under their names.
#define WEIR_POINTER(result, name, parameters, arguments) result(*name) parameters;
struct library {
    WEIR_LIBPQ(WEIR_POINTER)
};

static struct library libpq;
static char reason[512];
static const char *outcome;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/// Fills `found` from the library in `file`. Returns null, or why not, in `message`.
static const char *look_up(const char *file, struct library *found, void **handle, char *message, size_t size) {
    *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!*handle) {
        snprintf(message, size,
                 "PostgreSQL's client library cannot be loaded (%s). Install libpq 14 or later: "
                 "`apt-get install libpq5`, `dnf install libpq` or the like.",
                 dlerror());
        return message;
    }
#define WEIR_LOOK_UP(result, name, parameters, arguments)                                                              \
    *(void **)&found->name = dlsym(*handle, #name);                                                                    \
    if (!found->name) {                                                                                                \
        snprintf(message, size,                                                                                        \
                 "PostgreSQL's client library (%s) is too old: it has no " #name ". Install libpq 14 or later.", file); \
        return message;                                                                                                \
    }
    WEIR_LIBPQ(WEIR_LOOK_UP)
    return NULL;
}

static void load(void) {
    void *handle;  // kept: the functions are used until the process ends
    outcome = look_up("libpq.so.5", &libpq, &handle, reason, sizeof reason);
    // OpenSSL would free what it has when the process ends, under threads that still open connections
    // (OPENSSL_INIT_NO_ATEXIT). Nothing to do where libpq was built without it.
    int (*initialize)(unsigned long long, const void *) = 0;
    if (handle) *(void **)&initialize = dlsym(handle, "OPENSSL_init_crypto");
    if (initialize) initialize(0x00080000ull, 0);
}

const char *weir_libpq_load(void) {
    pthread_once(&once, load);
    return outcome;
}

const char *weir_libpq_try(const char *file) {
    static _Thread_local char message[512];
    struct library found;
    void *handle;
    const char *failure = look_up(file, &found, &handle, message, sizeof message);
    if (handle) dlclose(handle);
    return failure;
}

#define WEIR_HAND_ON(result, name, parameters, arguments)                                                              \
    result name parameters { return libpq.name arguments; }
WEIR_LIBPQ(WEIR_HAND_ON)
