#include <postgresql/libpq-fe.h>

/// The five characters that name an error (PostgreSQL manual, appendix A), or null.
static inline const char *weir_sqlstate(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

static inline const char *weir_primary_message(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}
