#ifndef WEIR_JSON_NUMBER_H
#define WEIR_JSON_NUMBER_H

#include "weir_json.h"

/// Reads a number at `*place` and moves behind it, or on failure to the byte that is wrong. A byte that cannot be part
/// of a number must follow the text.
int weir_json_parse_number(uint8_t **place, weir_json_value *out);

#endif
