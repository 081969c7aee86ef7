#ifndef WEIR_JSON_LOOPS_H
#define WEIR_JSON_LOOPS_H

#include <stdbool.h>

#include "weir_json.h"

// Loops over the elements of an array as JSONLogic's filter and reduce mean them, for plain numbers only. Each gives up
// at the first value that is none; whoever asked then takes the general way.

/// Which part of an element: a member, or the element itself where `name` is NULL.
typedef struct weir_json_part {
    const uint8_t *name;
    uint32_t length;
} weir_json_part;

enum {
    WEIR_JSON_LESS = 0,
    WEIR_JSON_LESS_OR_EQUAL,
    WEIR_JSON_GREATER,
    WEIR_JSON_GREATER_OR_EQUAL,
    WEIR_JSON_SAME,
    WEIR_JSON_OTHER,
};

/// Part of an element against a literal of the same kind of number.
typedef struct weir_json_test {
    weir_json_part part;
    weir_json_value literal;
    int comparison;
} weir_json_test;

/// Writes the elements that pass to `kept`, which has room for all, and returns their number; -1 to give up.
int64_t weir_json_filter(weir_json_value array, const weir_json_test *test, weir_json_value *kept);

/// Adds (or multiplies) parts of the elements that pass `test`, or of all where it is NULL, to `total`: whole numbers
/// stay whole, and doubles without a fraction become whole below 2^53. False to give up, with `total` undefined.
bool weir_json_gather(
    weir_json_value array, const weir_json_test *test, weir_json_part part, bool multiplies, weir_json_value *total);

#endif
