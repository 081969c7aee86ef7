#ifndef WEIR_MYSQL_H
#define WEIR_MYSQL_H

#include <mariadb/mysql.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>

/// libmariadb, looked up when it is first needed: the program starts without it where nobody uses MySQL.
///
/// Each function keeps its name in the source and is called `weir_…` in the binary, where `libmariadb.c` hands the call on
/// to the library. What is not listed here cannot be linked. To use one more, add its line; its prototype must be the
/// library's.
#define WEIR_LIBMARIADB(F)                                                                                               \
    F(my_bool, mariadb_connection, (MYSQL *mysql), (mysql))                                                             \
    F(int, mariadb_field_attr, (MARIADB_CONST_STRING *attr, const MYSQL_FIELD *field, enum mariadb_field_attr_t type),   \
      (attr, field, type))                                                                                              \
    F(MYSQL_FIELD *, mariadb_stmt_fetch_fields, (MYSQL_STMT *stmt), (stmt))                                             \
    F(void, mysql_close, (MYSQL *sock), (sock))                                                                         \
    F(unsigned int, mysql_errno, (MYSQL *mysql), (mysql))                                                               \
    F(const char *, mysql_error, (MYSQL *mysql), (mysql))                                                               \
    F(my_socket, mysql_get_socket, (MYSQL *mysql), (mysql))                                                             \
    F(const char *, mysql_get_ssl_cipher, (MYSQL *mysql), (mysql))                                                      \
    F(MYSQL *, mysql_init, (MYSQL *mysql), (mysql))                                                                     \
    F(int, mysql_options, (MYSQL *mysql, enum mysql_option option, const void *arg), (mysql, option, arg))              \
    F(int, mysql_options4,                                                                                              \
      (MYSQL *mysql, enum mysql_option option, const void *arg1, const void *arg2),                                     \
      (mysql, option, arg1, arg2))                                                                                      \
    F(int, mysql_real_connect_cont, (MYSQL **ret, MYSQL *mysql, int status), (ret, mysql, status))                      \
    F(int, mysql_real_connect_start,                                                                                    \
      (MYSQL **ret, MYSQL *mysql, const char *host, const char *user, const char *passwd, const char *db,               \
       unsigned int port, const char *unix_socket, unsigned long clientflag),                                           \
      (ret, mysql, host, user, passwd, db, port, unix_socket, clientflag))                                              \
    F(int, mysql_real_query_cont, (int *ret, MYSQL *mysql, int status), (ret, mysql, status))                           \
    F(int, mysql_real_query_start,                                                                                      \
      (int *ret, MYSQL *mysql, const char *q, unsigned long length),                                                    \
      (ret, mysql, q, length))                                                                                          \
    F(int, mysql_server_init, (int argc, char **argv, char **groups), (argc, argv, groups))                             \
    F(unsigned long long, mysql_stmt_affected_rows, (MYSQL_STMT *stmt), (stmt))                                         \
    F(my_bool, mysql_stmt_bind_param, (MYSQL_STMT *stmt, MYSQL_BIND *bnd), (stmt, bnd))                                 \
    F(my_bool, mysql_stmt_bind_result, (MYSQL_STMT *stmt, MYSQL_BIND *bnd), (stmt, bnd))                                \
    F(my_bool, mysql_stmt_close, (MYSQL_STMT *stmt), (stmt))                                                            \
    F(int, mysql_stmt_close_cont, (my_bool *ret, MYSQL_STMT *stmt, int status), (ret, stmt, status))                    \
    F(int, mysql_stmt_close_start, (my_bool *ret, MYSQL_STMT *stmt), (ret, stmt))                                       \
    F(unsigned int, mysql_stmt_errno, (MYSQL_STMT *stmt), (stmt))                                                       \
    F(const char *, mysql_stmt_error, (MYSQL_STMT *stmt), (stmt))                                                       \
    F(int, mysql_stmt_execute_cont, (int *ret, MYSQL_STMT *stmt, int status), (ret, stmt, status))                      \
    F(int, mysql_stmt_execute_start, (int *ret, MYSQL_STMT *stmt), (ret, stmt))                                         \
    F(int, mysql_stmt_fetch_column,                                                                                     \
      (MYSQL_STMT *stmt, MYSQL_BIND *bind_arg, unsigned int column, unsigned long offset),                              \
      (stmt, bind_arg, column, offset))                                                                                 \
    F(int, mysql_stmt_fetch_cont, (int *ret, MYSQL_STMT *stmt, int status), (ret, stmt, status))                        \
    F(int, mysql_stmt_fetch_start, (int *ret, MYSQL_STMT *stmt), (ret, stmt))                                           \
    F(unsigned int, mysql_stmt_field_count, (MYSQL_STMT *stmt), (stmt))                                                 \
    F(int, mysql_stmt_free_result_cont, (my_bool *ret, MYSQL_STMT *stmt, int status), (ret, stmt, status))              \
    F(int, mysql_stmt_free_result_start, (my_bool *ret, MYSQL_STMT *stmt), (ret, stmt))                                 \
    F(MYSQL_STMT *, mysql_stmt_init, (MYSQL *mysql), (mysql))                                                           \
    F(unsigned long long, mysql_stmt_insert_id, (MYSQL_STMT *stmt), (stmt))                                             \
    F(my_bool, mysql_stmt_more_results, (MYSQL_STMT *stmt), (stmt))                                                     \
    F(int, mysql_stmt_next_result_cont, (int *ret, MYSQL_STMT *stmt, int status), (ret, stmt, status))                  \
    F(int, mysql_stmt_next_result_start, (int *ret, MYSQL_STMT *stmt), (ret, stmt))                                     \
    F(unsigned long, mysql_stmt_param_count, (MYSQL_STMT *stmt), (stmt))                                                \
    F(int, mysql_stmt_prepare_cont, (int *ret, MYSQL_STMT *stmt, int status), (ret, stmt, status))                      \
    F(int, mysql_stmt_prepare_start,                                                                                    \
      (int *ret, MYSQL_STMT *stmt, const char *query, unsigned long length),                                            \
      (ret, stmt, query, length))                                                                                       \
    F(unsigned long, mysql_thread_id, (MYSQL *mysql), (mysql))

#define WEIR_RENAMED(result, name, parameters, arguments) result name parameters __asm__("weir_" #name);
WEIR_LIBMARIADB(WEIR_RENAMED)
#undef WEIR_RENAMED

/// Looks the library up, once. Nothing else here may be called before it returned null.
///
/// Returns why it cannot be used, in a sentence that says what to do, or null.
const char *weir_libmariadb_load(void);

/// Looks a library up without keeping it: a library that is missing or too old cannot be made at will in a test.
const char *weir_libmariadb_try(const char *file);

/// Rows that an UPDATE found count as affected, changed or not: as in other databases.
static const unsigned long weir_client_flags = CLIENT_FOUND_ROWS;

/// The number of the character set of bytes that are no text.
static const unsigned int weir_binary_charset = 63;

static const unsigned int weir_in_transaction = SERVER_STATUS_IN_TRANS;

/// Whether the library still has a socket; it closes it itself where a connection breaks.
static inline int weir_is_open(const MYSQL *mysql) { return mysql->net.pvio != 0; }

/// Whether MariaDB says that the texts of a column are JSON.
static inline int weir_is_json(const MYSQL_FIELD *field) {
    MARIADB_CONST_STRING format = {0, 0};
    return mariadb_field_attr(&format, field, MARIADB_FIELD_ATTR_FORMAT_NAME) == 0 && format.length == 4
           && memcmp(format.str, "json", 4) == 0;
}

/// What the server wants known after a statement; see SERVER_STATUS_… in mariadb_com.h.
static inline unsigned int weir_server_status(const MYSQL *mysql) { return mysql->server_status; }

#endif
