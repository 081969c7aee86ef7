#include "weir_mysql.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

/// The library's functions, under their names.
#define WEIR_POINTER(result, name, parameters, arguments) result(*name) parameters;
struct library {
    WEIR_LIBMARIADB(WEIR_POINTER)
};

static struct library libmariadb;
static char reason[512];
static const char *outcome;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/// Fills `found` from the library in `file`. Returns null, or why not, in `message`.
static const char *look_up(const char *file, struct library *found, void **handle, char *message, size_t size) {
    *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!*handle) {
        snprintf(message, size,
                 "MariaDB's client library cannot be loaded (%s). Install MariaDB Connector/C 3.1 or later: "
                 "`apt-get install libmariadb3`, `dnf install mariadb-connector-c` or the like.",
                 dlerror());
        return message;
    }
#define WEIR_LOOK_UP(result, name, parameters, arguments)                                                              \
    *(void **)&found->name = dlsym(*handle, #name);                                                                    \
    if (!found->name) {                                                                                                \
        snprintf(message, size,                                                                                        \
                 "MariaDB's client library (%s) is too old: it has no " #name ". Install Connector/C 3.1 or later.",   \
                 file);                                                                                                \
        return message;                                                                                                \
    }
    WEIR_LIBMARIADB(WEIR_LOOK_UP)
    return NULL;
}

static void load(void) {
    void *handle;  // kept: the functions are used until the process ends
    outcome = look_up("libmariadb.so.3", &libmariadb, &handle, reason, sizeof reason);
}

const char *weir_libmariadb_load(void) {
    pthread_once(&once, load);
    return outcome;
}

const char *weir_libmariadb_try(const char *file) {
    static _Thread_local char message[512];
    struct library found;
    void *handle;
    const char *failure = look_up(file, &found, &handle, message, sizeof message);
    if (handle) dlclose(handle);
    return failure;
}

#define WEIR_HAND_ON(result, name, parameters, arguments)                                                              \
    result name parameters { return libmariadb.name arguments; }
WEIR_LIBMARIADB(WEIR_HAND_ON)
