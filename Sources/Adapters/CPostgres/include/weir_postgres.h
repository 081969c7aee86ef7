#ifndef WEIR_POSTGRES_H
#define WEIR_POSTGRES_H

#include <postgresql/libpq-fe.h>

/// libpq, looked up when it is first needed: the program starts without it where nobody uses PostgreSQL.
///
/// Each function keeps its name in the source and is called `weir_…` in the binary, where `libpq.c` hands the call on to the
/// library. What is not listed here cannot be linked. To use one more, add its line; its prototype must be libpq's.
#define WEIR_LIBPQ(F)                                                                                                  \
    F(PGconn *, PQconnectdbParams, (const char *const *k, const char *const *v, int expand), (k, v, expand))           \
    F(PQconninfoOption *, PQconninfoParse, (const char *text, char **message), (text, message))                        \
    F(void, PQconninfoFree, (PQconninfoOption *options), (options))                                                    \
    F(void, PQfinish, (PGconn *connection), (connection))                                                              \
    F(ConnStatusType, PQstatus, (const PGconn *connection), (connection))                                              \
    F(char *, PQerrorMessage, (const PGconn *connection), (connection))                                                \
    F(int, PQsocket, (const PGconn *connection), (connection))                                                         \
    F(int, PQbackendPID, (const PGconn *connection), (connection))                                                     \
    F(PQnoticeReceiver, PQsetNoticeReceiver, (PGconn *connection, PQnoticeReceiver receiver, void *context),           \
      (connection, receiver, context))                                                                                 \
    F(int, PQsetnonblocking, (PGconn *connection, int is), (connection, is))                                           \
    F(int, PQenterPipelineMode, (PGconn *connection), (connection))                                                    \
    F(int, PQpipelineSync, (PGconn *connection), (connection))                                                         \
    F(int, PQsetSingleRowMode, (PGconn *connection), (connection))                                                     \
    F(int, PQsendQuery, (PGconn *connection, const char *text), (connection, text))                                    \
    F(int, PQsendPrepare, (PGconn *c, const char *name, const char *text, int count, const Oid *types),                \
      (c, name, text, count, types))                                                                                   \
    F(int, PQsendQueryPrepared,                                                                                        \
      (PGconn *c, const char *name, int count, const char *const *values, const int *lengths, const int *formats,      \
       int format),                                                                                                    \
      (c, name, count, values, lengths, formats, format))                                                              \
    F(int, PQsendQueryParams,                                                                                          \
      (PGconn *c, const char *text, int count, const Oid *types, const char *const *values, const int *lengths,        \
       const int *formats, int format),                                                                                \
      (c, text, count, types, values, lengths, formats, format))                                                       \
    F(int, PQflush, (PGconn *connection), (connection))                                                                \
    F(int, PQconsumeInput, (PGconn *connection), (connection))                                                         \
    F(int, PQisBusy, (PGconn *connection), (connection))                                                               \
    F(PGresult *, PQgetResult, (PGconn *connection), (connection))                                                     \
    F(PGnotify *, PQnotifies, (PGconn *connection), (connection))                                                      \
    F(void, PQfreemem, (void *memory), (memory))                                                                       \
    F(PGcancel *, PQgetCancel, (PGconn *connection), (connection))                                                     \
    F(int, PQcancel, (PGcancel *cancel, char *message, int size), (cancel, message, size))                             \
    F(void, PQfreeCancel, (PGcancel *cancel), (cancel))                                                                \
    F(void, PQclear, (PGresult *result), (result))                                                                     \
    F(ExecStatusType, PQresultStatus, (const PGresult *result), (result))                                              \
    F(char *, PQresultErrorField, (const PGresult *result, int field), (result, field))                                \
    F(int, PQntuples, (const PGresult *result), (result))                                                              \
    F(int, PQnfields, (const PGresult *result), (result))                                                              \
    F(char *, PQfname, (const PGresult *result, int column), (result, column))                                         \
    F(Oid, PQftype, (const PGresult *result, int column), (result, column))                                            \
    F(int, PQgetisnull, (const PGresult *result, int row, int column), (result, row, column))                          \
    F(int, PQgetlength, (const PGresult *result, int row, int column), (result, row, column))                          \
    F(char *, PQgetvalue, (const PGresult *result, int row, int column), (result, row, column))                        \
    F(char *, PQcmdTuples, (PGresult *result), (result))                                                               \
    F(char *, PQcmdStatus, (PGresult *result), (result))

#define WEIR_RENAMED(result, name, parameters, arguments) result name parameters __asm__("weir_" #name);
WEIR_LIBPQ(WEIR_RENAMED)
#undef WEIR_RENAMED

/// Looks the library up, once. Nothing else here may be called before it returned null.
///
/// Returns why it cannot be used, in a sentence that says what to do, or null.
const char *weir_libpq_load(void);

/// Looks a library up without keeping it: a library that is missing or too old cannot be made at will in a test.
const char *weir_libpq_try(const char *file);

/// The five characters that name an error (PostgreSQL manual, appendix A), or null.
static inline const char *weir_sqlstate(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

static inline const char *weir_primary_message(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}

#endif
