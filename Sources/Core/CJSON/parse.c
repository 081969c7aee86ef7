// getentropy is not in ISO C.
#define _DEFAULT_SOURCE
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "number.h"
#include "simd.h"
#include "weir_json.h"

// A single pass over a private copy of the text: every value is pushed on a stack, containers are copied to the arena
// when they close, strings are unescaped in place. The copy ends in zero bytes, so that looking ahead never leaves it.

typedef struct parser {
    weir_arena *arena;
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    weir_json_value *stack;
    size_t used;
    size_t capacity;
    uint32_t depth;
    uint32_t max_depth;
    weir_json_value inline_stack[128];
} parser;

/// Reads one value and leaves it on top of the stack.
static int parse_value(parser *p);

static inline void skip_space(parser *p) {
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t') p->at++;
}

static bool grow(parser *p) {
    size_t capacity = p->capacity * 2;
    bool was_inline = p->stack == p->inline_stack;
    weir_json_value *grown = was_inline ? malloc(capacity * sizeof *grown) : realloc(p->stack, capacity * sizeof *grown);
    if (!grown) return false;
    if (was_inline) memcpy(grown, p->inline_stack, p->used * sizeof *grown);
    p->stack = grown;
    p->capacity = capacity;
    return true;
}

/// The slot for the next value. It is written where it stays: copying what was just written in parts stalls the processor.
static inline weir_json_value *slot(parser *p) {
    if (p->used == p->capacity && !grow(p)) return NULL;
    return &p->stack[p->used++];
}

static int utf8_length(const uint8_t *at, const uint8_t *end) {
    // RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
    uint8_t lead = at[0];
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return end - at >= 2 && (at[1] & 0xC0) == 0x80 ? 2 : 0;
    if (lead < 0xF0) {
        if (end - at < 3 || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80) return 0;
        if (lead == 0xE0 && at[1] < 0xA0) return 0;
        if (lead == 0xED && at[1] > 0x9F) return 0;
        return 3;
    }
    if (lead > 0xF4 || end - at < 4) return 0;
    if ((at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80 || (at[3] & 0xC0) != 0x80) return 0;
    if (lead == 0xF0 && at[1] < 0x90) return 0;
    if (lead == 0xF4 && at[1] > 0x8F) return 0;
    return 4;
}

static int hex4(const uint8_t *at, uint32_t *code) {
    uint32_t value = 0;
    for (int place = 0; place < 4; place++) {
        uint8_t byte = at[place];
        uint32_t digit;
        if (byte >= '0' && byte <= '9') digit = byte - '0';
        else if (byte >= 'a' && byte <= 'f') digit = byte - 'a' + 10;
        else if (byte >= 'A' && byte <= 'F') digit = byte - 'A' + 10;
        else return 0;
        value = value << 4 | digit;
    }
    *code = value;
    return 1;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t code) {
    if (code < 0x80) {
        *to++ = (uint8_t)code;
    } else if (code < 0x800) {
        *to++ = (uint8_t)(0xC0 | code >> 6);
        *to++ = (uint8_t)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *to++ = (uint8_t)(0xE0 | code >> 12);
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        *to++ = (uint8_t)(0x80 | (code & 0x3F));
    } else {
        *to++ = (uint8_t)(0xF0 | code >> 18);
        *to++ = (uint8_t)(0x80 | (code >> 12 & 0x3F));
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        *to++ = (uint8_t)(0x80 | (code & 0x3F));
    }
    return to;
}

static int parse_escape(parser *p, uint8_t **to) {
    uint8_t kind = p->at[1];
    switch (kind) {
    case '"': case '\\': case '/': *(*to)++ = kind; break;
    case 'b': *(*to)++ = '\b'; break;
    case 'f': *(*to)++ = '\f'; break;
    case 'n': *(*to)++ = '\n'; break;
    case 'r': *(*to)++ = '\r'; break;
    case 't': *(*to)++ = '\t'; break;
    case 'u': {
        uint32_t code, low;
        if (p->end - p->at < 6 || !hex4(p->at + 2, &code)) return WEIR_JSON_BAD_ESCAPE;
        if (code >= 0xDC00 && code <= 0xDFFF) return WEIR_JSON_LONE_SURROGATE;
        if (code >= 0xD800 && code <= 0xDBFF) {
            if (p->end - p->at < 12 || p->at[6] != '\\' || p->at[7] != 'u' || !hex4(p->at + 8, &low)
                || low < 0xDC00 || low > 0xDFFF)
                return WEIR_JSON_LONE_SURROGATE;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            p->at += 6;
        }
        *to = put_utf8(*to, code);
        p->at += 4;
        break;
    }
    default: return WEIR_JSON_BAD_ESCAPE;
    }
    p->at += 2;
    return WEIR_JSON_OK;
}

static int parse_string(parser *p) {
    uint8_t *from = ++p->at;
    uint8_t *to = NULL;  // where unescaped bytes go; NULL while nothing has moved
    for (;;) {
        size_t run = plain_run(p->at, (size_t)(p->end - p->at));
        if (to) {
            memmove(to, p->at, run);
            to += run;
        }
        p->at += run;
        if (p->at >= p->end) return WEIR_JSON_TRUNCATED;
        uint8_t byte = *p->at;
        if (byte == '"') break;
        if (byte == '\\') {
            if (!to) to = p->at;
            int result = parse_escape(p, &to);
            if (result) return result;
        } else if (byte < ' ') {
            return WEIR_JSON_CONTROL;
        } else {
            int length = utf8_length(p->at, p->end);
            if (!length) return WEIR_JSON_BAD_UTF8;
            if (to) {
                memmove(to, p->at, (size_t)length);
                to += length;
            }
            p->at += length;
        }
    }
    size_t length = (size_t)((to ? to : p->at) - from);
    p->at++;
    weir_json_value *out = slot(p);
    if (!out) return WEIR_JSON_NO_MEMORY;
    put_value(out, (uint64_t)(uintptr_t)from, (uint32_t)length, WEIR_JSON_STRING);
    return WEIR_JSON_OK;
}

static int close_container(parser *p, size_t base, uint8_t tag) {
    size_t values = p->used - base;
    weir_json_header *header = weir_arena_allocate(p->arena, sizeof *header + values * sizeof(weir_json_value));
    if (!header) return WEIR_JSON_NO_MEMORY;
    *header = (weir_json_header){.capacity = (uint32_t)values, .is_shared = 1};
    copy_values((weir_json_value *)(header + 1), p->stack + base, values);
    p->used = base;
    weir_json_value *out = slot(p);
    if (!out) return WEIR_JSON_NO_MEMORY;
    put_value(out, (uint64_t)(uintptr_t)(header + 1), (uint32_t)(tag == WEIR_JSON_OBJECT ? values / 2 : values), tag);
    return WEIR_JSON_OK;
}

static int parse_array(parser *p) {
    if (++p->depth > p->max_depth) return WEIR_JSON_TOO_DEEP;
    size_t base = p->used;
    p->at++;
    skip_space(p);
    if (*p->at != ']') {
        for (;;) {
            int result = parse_value(p);
            if (result) return result;
            skip_space(p);
            if (*p->at == ']') break;
            if (*p->at != ',') return p->at >= p->end ? WEIR_JSON_TRUNCATED : WEIR_JSON_UNEXPECTED;
            p->at++;
            skip_space(p);
        }
    }
    p->at++;
    p->depth--;
    return close_container(p, base, WEIR_JSON_ARRAY);
}

/// Drawn once a process: without it, nobody can make names that meet in one slot.
static uint64_t hash_secret(void) {
    static uint64_t secret;
    uint64_t known = __atomic_load_n(&secret, __ATOMIC_ACQUIRE);
    if (known) return known;
    uint64_t drawn;
    if (getentropy(&drawn, sizeof drawn)) drawn = (uint64_t)(uintptr_t)&drawn;
    drawn |= 1;
    return __atomic_compare_exchange_n(&secret, &known, drawn, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ? drawn : known;
}

static inline uint64_t folded_product(uint64_t left, uint64_t right) {
    __uint128_t product = (__uint128_t)left * right;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t key_hash(weir_json_value key, uint64_t secret) {
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)key.bits;
    uint64_t hash = secret ^ key.count;
    for (size_t place = 0; place < key.count; place += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + place, key.count - place < 8 ? key.count - place : 8);
        hash = folded_product(hash ^ word, secret ^ 0x9E3779B97F4A7C15u);
    }
    return folded_product(hash, 0xD6E8FEB86659FD93u);
}

static inline bool same_key(weir_json_value left, weir_json_value right) {
    return left.count == right.count
        && same_bytes((const uint8_t *)(uintptr_t)left.bits, (const uint8_t *)(uintptr_t)right.bits, left.count);
}

/// A later member of the same name takes the place of the earlier one. Small objects are searched, large ones hashed,
/// so that hostile input costs no more than linear time.
static int drop_duplicates(parser *p, size_t base) {
    size_t members = (p->used - base) / 2;
    weir_json_value *pairs = p->stack + base;
    if (members <= 16) {
        for (size_t each = 1; each < members; each++)
            for (size_t other = 0; other < each; other++)
                if (same_key(pairs[2 * each], pairs[2 * other])) goto found;
        return WEIR_JSON_OK;
    }
found:;
    size_t slots = 64;
    while (slots < members * 2) slots *= 2;
    uint32_t *table = calloc(slots, sizeof *table);
    if (!table) return WEIR_JSON_NO_MEMORY;
    uint64_t secret = hash_secret();
    size_t kept = 0;
    for (size_t each = 0; each < members; each++) {
        size_t slot = key_hash(pairs[2 * each], secret) & (slots - 1);
        while (table[slot] && !same_key(pairs[2 * (table[slot] - 1)], pairs[2 * each])) slot = (slot + 1) & (slots - 1);
        if (table[slot]) {
            pairs[2 * (table[slot] - 1) + 1] = pairs[2 * each + 1];
        } else {
            pairs[2 * kept] = pairs[2 * each];
            pairs[2 * kept + 1] = pairs[2 * each + 1];
            table[slot] = (uint32_t)++kept;
        }
    }
    free(table);
    p->used = base + 2 * kept;
    return WEIR_JSON_OK;
}

static int parse_object(parser *p) {
    if (++p->depth > p->max_depth) return WEIR_JSON_TOO_DEEP;
    size_t base = p->used;
    p->at++;
    skip_space(p);
    if (*p->at != '}') {
        for (;;) {
            if (*p->at != '"') return p->at >= p->end ? WEIR_JSON_TRUNCATED : WEIR_JSON_UNEXPECTED;
            int result = parse_string(p);
            if (result) return result;
            skip_space(p);
            if (*p->at != ':') return p->at >= p->end ? WEIR_JSON_TRUNCATED : WEIR_JSON_UNEXPECTED;
            p->at++;
            skip_space(p);
            result = parse_value(p);
            if (result) return result;
            skip_space(p);
            if (*p->at == '}') break;
            if (*p->at != ',') return p->at >= p->end ? WEIR_JSON_TRUNCATED : WEIR_JSON_UNEXPECTED;
            p->at++;
            skip_space(p);
        }
    }
    p->at++;
    p->depth--;
    int result = drop_duplicates(p, base);
    return result ? result : close_container(p, base, WEIR_JSON_OBJECT);
}

static int parse_word(parser *p, const char *word, size_t length, uint8_t tag) {
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0) return WEIR_JSON_UNEXPECTED;
    p->at += length;
    weir_json_value *out = slot(p);
    if (!out) return WEIR_JSON_NO_MEMORY;
    put_value(out, 0, 0, tag);
    return WEIR_JSON_OK;
}

static int parse_number(parser *p) {
    weir_json_value *out = slot(p);
    return out ? weir_json_parse_number(&p->at, out) : WEIR_JSON_NO_MEMORY;
}

static int parse_value(parser *p) {
    // The commonest first: a jump through a table is guessed wrong more often than these.
    if (*p->at == '"') return parse_string(p);
    if ((*p->at >= '0' && *p->at <= '9') || *p->at == '-') return parse_number(p);
    switch (*p->at) {
    case '{': return parse_object(p);
    case '[': return parse_array(p);
    case 't': return parse_word(p, "true", 4, WEIR_JSON_TRUE);
    case 'f': return parse_word(p, "false", 5, WEIR_JSON_FALSE);
    case 'n': return parse_word(p, "null", 4, WEIR_JSON_NULL);
    default: return p->at >= p->end ? WEIR_JSON_TRUNCATED : WEIR_JSON_UNEXPECTED;
    }
}

enum { LOOK_AHEAD = 16 };

int weir_json_parse(
    weir_arena *arena, const uint8_t *bytes, size_t length, uint32_t max_depth, weir_json_value *value,
    size_t *offset) {
    *offset = 0;
    if (length > UINT32_MAX / 2) return WEIR_JSON_TOO_LARGE;
    uint8_t *copy = weir_arena_allocate(arena, length + LOOK_AHEAD);
    if (!copy) return WEIR_JSON_NO_MEMORY;
    if (length) memcpy(copy, bytes, length);
    memset(copy + length, 0, LOOK_AHEAD);
    parser p;  // not cleared: its stack is large, and written before it is read
    p.arena = arena;
    p.start = p.at = copy;
    p.end = copy + length;
    p.used = 0;
    p.depth = 0;
    p.max_depth = max_depth;
    p.stack = p.inline_stack;
    p.capacity = sizeof p.inline_stack / sizeof p.inline_stack[0];
    skip_space(&p);
    int result = p.at >= p.end ? WEIR_JSON_EMPTY : parse_value(&p);
    if (!result) {
        *value = p.stack[0];
        skip_space(&p);
        if (p.at < p.end) result = WEIR_JSON_TRAILING;
    }
    if (p.stack != p.inline_stack) free(p.stack);
    *offset = (size_t)(p.at - copy);
    return result;
}

size_t weir_json_plain_prefix(const uint8_t *bytes, size_t length) { return unescaped_run(bytes, length); }
