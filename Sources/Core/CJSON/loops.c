#include <math.h>
#include <string.h>

#include "bytes.h"
#include "weir_json_loops.h"

static inline bool has_name(weir_json_value key, weir_json_part part) {
    return key.count == part.length && same_bytes((const uint8_t *)(uintptr_t)key.bits, part.name, part.length);
}

/// `*place` is where the last object of the same make had it: lists hold objects that look alike.
static inline const weir_json_value *find(weir_json_value element, weir_json_part part, uint32_t *place) {
    if (element.tag != WEIR_JSON_OBJECT) return NULL;
    const weir_json_value *slots = (const weir_json_value *)(uintptr_t)element.bits;
    if (*place < element.count && has_name(slots[2 * *place], part)) return &slots[2 * *place + 1];
    for (uint32_t each = 0; each < element.count; each++) {
        if (!has_name(slots[2 * each], part)) continue;
        *place = each;
        return &slots[2 * each + 1];
    }
    return NULL;
}

static inline double real_of(weir_json_value value) {
    double real;
    memcpy(&real, &value.bits, sizeof real);
    return real;
}

#define COMPARE(left, right)                                          \
    switch (comparison) {                                             \
    case WEIR_JSON_LESS: return (left) < (right);                     \
    case WEIR_JSON_LESS_OR_EQUAL: return (left) <= (right);           \
    case WEIR_JSON_GREATER: return (left) > (right);                  \
    case WEIR_JSON_GREATER_OR_EQUAL: return (left) >= (right);        \
    case WEIR_JSON_SAME: return (left) == (right);                    \
    default: return (left) != (right);                                \
    }

static inline bool whole_passes(int64_t left, int64_t right, int comparison) { COMPARE(left, right) }
static inline bool real_passes(double left, double right, int comparison) { COMPARE(left, right) }

/// 1 it passes, 0 it does not, -1 to give up.
static inline int passes(weir_json_value element, const weir_json_test *test, uint32_t *place) {
    const weir_json_value *found = test->part.name ? find(element, test->part, place) : &element;
    if (!found || found->tag != test->literal.tag) return -1;
    if (found->tag == WEIR_JSON_INT)
        return whole_passes((int64_t)found->bits, (int64_t)test->literal.bits, test->comparison);
    return found->tag == WEIR_JSON_DOUBLE ? real_passes(real_of(*found), real_of(test->literal), test->comparison) : -1;
}

/// What is in two places is marked so: whoever writes to it copies it first.
int64_t weir_json_filter(weir_json_value array, const weir_json_test *test, weir_json_value *kept) {
    const weir_json_value *elements = (const weir_json_value *)(uintptr_t)array.bits;
    uint32_t place = 0;
    int64_t count = 0;
    for (uint32_t each = 0; each < array.count; each++) {
        int result = passes(elements[each], test, &place);
        if (result < 0) return -1;
        if (!result) continue;
        kept[count++] = elements[each];
        if (elements[each].tag == WEIR_JSON_OBJECT) ((weir_json_header *)(uintptr_t)elements[each].bits)[-1].is_shared = 1;
    }
    return count;
}

static inline bool take(weir_json_value value, bool multiplies, weir_json_value *total) {
    if (value.tag == WEIR_JSON_INT && total->tag == WEIR_JSON_INT) {
        int64_t result;
        bool overflows = multiplies ? __builtin_mul_overflow((int64_t)total->bits, (int64_t)value.bits, &result)
                                    : __builtin_add_overflow((int64_t)total->bits, (int64_t)value.bits, &result);
        total->bits = (uint64_t)result;
        return !overflows;
    }
    if (value.tag != WEIR_JSON_INT && value.tag != WEIR_JSON_DOUBLE) return false;
    double left = total->tag == WEIR_JSON_INT ? (double)(int64_t)total->bits : real_of(*total);
    double right = value.tag == WEIR_JSON_INT ? (double)(int64_t)value.bits : real_of(value);
    double result = multiplies ? left * right : left + right;
    if (!isfinite(result)) return false;
    if (result == rint(result) && fabs(result) < 9007199254740992.0) {
        *total = (weir_json_value){.bits = (uint64_t)(int64_t)result, .tag = WEIR_JSON_INT};
    } else {
        *total = (weir_json_value){.tag = WEIR_JSON_DOUBLE};
        memcpy(&total->bits, &result, sizeof result);
    }
    return true;
}

bool weir_json_gather(
    weir_json_value array, const weir_json_test *test, weir_json_part part, bool multiplies, weir_json_value *total) {
    const weir_json_value *elements = (const weir_json_value *)(uintptr_t)array.bits;
    uint32_t tested = 0, taken = 0;
    for (uint32_t each = 0; each < array.count; each++) {
        if (test) {
            int result = passes(elements[each], test, &tested);
            if (result < 0) return false;
            if (!result) continue;
        }
        const weir_json_value *found = part.name ? find(elements[each], part, &taken) : &elements[each];
        if (!found || !take(*found, multiplies, total)) return false;
    }
    return true;
}
