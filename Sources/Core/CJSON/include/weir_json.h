#ifndef WEIR_JSON_H
#define WEIR_JSON_H

#include <stddef.h>
#include <stdint.h>

/// One JSON value: 16 bytes, copied freely, never freed by itself. What it points to lives in an arena.
typedef struct weir_json_value {
    /// The number, or the address of bytes (string, big integer) or of values (array, object).
    uint64_t bits;
    /// Bytes of a string, elements of an array, members of an object.
    uint32_t count;
    uint8_t tag;
    uint8_t flags;
    uint16_t reserved;
} weir_json_value;

enum {
    WEIR_JSON_NULL = 0,
    WEIR_JSON_FALSE = 1,
    WEIR_JSON_TRUE = 2,
    WEIR_JSON_INT = 3,
    WEIR_JSON_DOUBLE = 4,
    WEIR_JSON_STRING = 5,
    WEIR_JSON_ARRAY = 6,
    WEIR_JSON_OBJECT = 7,
    /// An integer outside 64 bits, kept as its text.
    WEIR_JSON_BIG = 8,
};

/// Stands before the values of an array or object, so that it can grow and be shared.
typedef struct weir_json_header {
    uint32_t capacity;
    uint32_t is_shared;
    uint64_t padding;
} weir_json_header;

typedef struct weir_arena weir_arena;

weir_arena *weir_arena_create(void);
void weir_arena_destroy(weir_arena *arena);
/// Forgets all values but keeps the first block of memory.
void weir_arena_reset(weir_arena *arena);
/// 16-byte aligned; NULL only when the system has no memory.
void *weir_arena_allocate(weir_arena *arena, size_t bytes);
size_t weir_arena_used(const weir_arena *arena);

enum {
    WEIR_JSON_OK = 0,
    WEIR_JSON_EMPTY,
    WEIR_JSON_UNEXPECTED,
    WEIR_JSON_TRAILING,
    WEIR_JSON_TOO_DEEP,
    WEIR_JSON_BAD_NUMBER,
    WEIR_JSON_NUMBER_RANGE,
    WEIR_JSON_BAD_STRING,
    WEIR_JSON_CONTROL,
    WEIR_JSON_BAD_ESCAPE,
    WEIR_JSON_LONE_SURROGATE,
    WEIR_JSON_BAD_UTF8,
    WEIR_JSON_TRUNCATED,
    WEIR_JSON_TOO_LARGE,
    WEIR_JSON_NO_MEMORY,
};

/// Parses one document. The bytes are copied into the arena once; strings point into that copy.
/// Returns WEIR_JSON_OK, or what is wrong with `*offset` set to the byte where.
int weir_json_parse(
    weir_arena *arena, const uint8_t *bytes, size_t length, uint32_t max_depth, weir_json_value *value,
    size_t *offset);

/// How many leading bytes need no escape inside a JSON string.
size_t weir_json_plain_prefix(const uint8_t *bytes, size_t length);

#endif
