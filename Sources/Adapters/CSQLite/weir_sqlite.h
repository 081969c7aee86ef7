#include <sqlite3.h>

/// SQLITE_STATIC: the bytes outlive the step.
static inline int weir_bind_bytes(sqlite3_stmt *statement, int place, const void *bytes, int count) {
    static const char nothing = 0;
    return sqlite3_bind_blob(statement, place, bytes ? bytes : &nothing, count, SQLITE_STATIC);
}

/// SQLITE_TRANSIENT: SQLite keeps a copy.
static inline int weir_bind_copied_bytes(sqlite3_stmt *statement, int place, const void *bytes, int count) {
    static const char nothing = 0;
    return sqlite3_bind_blob(statement, place, bytes ? bytes : &nothing, count, SQLITE_TRANSIENT);
}

/// SQLITE_STATIC.
static inline int weir_bind_text(sqlite3_stmt *statement, int place, const void *text, int count) {
    return sqlite3_bind_text(statement, place, text, count, SQLITE_STATIC);
}

/// SQLITE_TRANSIENT.
static inline int weir_bind_copied_text(sqlite3_stmt *statement, int place, const void *text, int count) {
    return sqlite3_bind_text(statement, place, text ? text : "", count, SQLITE_TRANSIENT);
}
