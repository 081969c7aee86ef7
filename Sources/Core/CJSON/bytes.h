#ifndef WEIR_BYTES_H
#define WEIR_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/// memcmp for names, which are short: no call, and never a byte outside either.
static inline bool same_bytes(const uint8_t *left, const uint8_t *right, uint32_t length) {
    uint64_t one, other;
    uint32_t four, another;
    if (length >= 8) {
        for (uint32_t place = 0; place + 8 < length; place += 8) {
            memcpy(&one, left + place, 8);
            memcpy(&other, right + place, 8);
            if (one != other) return false;
        }
        memcpy(&one, left + length - 8, 8);
        memcpy(&other, right + length - 8, 8);
        return one == other;
    }
    if (length >= 4) {
        memcpy(&four, left, 4);
        memcpy(&another, right, 4);
        if (four != another) return false;
        memcpy(&four, left + length - 4, 4);
        memcpy(&another, right + length - 4, 4);
        return four == another;
    }
    for (uint32_t place = 0; place < length; place++)
        if (left[place] != right[place]) return false;
    return true;
}

#endif
