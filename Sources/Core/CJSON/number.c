// strtod_l is a GNU extension.
#define _GNU_SOURCE
#include "number.h"

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"

typedef struct cursor {
    uint8_t *at;
} cursor;

/// The locale whose decimal point is a point, made once; NULL only when the system has no memory.
static locale_t plain_locale(void) {
    static locale_t shared;
    locale_t known = __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
    if (known) return known;
    locale_t made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!made || __atomic_compare_exchange_n(&shared, &known, made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return made;
    freelocale(made);
    return known;
}

static inline void put_double(weir_json_value *out, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    put_value(out, bits, 0, WEIR_JSON_DOUBLE);
}

static int exact_double(const uint8_t *from, const uint8_t *end, weir_json_value *out) {
    // strtod rounds correctly; the byte behind the number is never one it would go on with.
    locale_t c_locale = plain_locale();
    if (!c_locale) return WEIR_JSON_NO_MEMORY;
    char *stop;
    double number = strtod_l((const char *)from, &stop, c_locale);
    if ((const uint8_t *)stop != end) return WEIR_JSON_BAD_NUMBER;
    if (isinf(number)) return WEIR_JSON_NUMBER_RANGE;
    put_double(out, number);
    return WEIR_JSON_OK;
}

static inline int read_number(cursor *p, weir_json_value *out) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint8_t *from = p->at;
    bool negative = *p->at == '-';
    if (negative) p->at++;
    uint8_t *digits = p->at;
    uint64_t mantissa = 0;
    if (*p->at == '0') {
        p->at++;
    } else if (*p->at >= '1' && *p->at <= '9') {
        while (*p->at >= '0' && *p->at <= '9') mantissa = mantissa * 10 + (uint64_t)(*p->at++ - '0');
    } else {
        return WEIR_JSON_BAD_NUMBER;
    }
    size_t count = (size_t)(p->at - digits);
    if (*p->at >= '0' && *p->at <= '9') return WEIR_JSON_BAD_NUMBER;  // 01
    if (*p->at != '.' && *p->at != 'e' && *p->at != 'E') {
        bool fits = count < 19 || (count == 19 && mantissa <= (uint64_t)INT64_MAX + negative);
        bool is_minus_zero = negative && *digits == '0';
        if (fits && !is_minus_zero) {
            put_value(out, negative ? 0 - mantissa : mantissa, 0, WEIR_JSON_INT);
            return WEIR_JSON_OK;
        }
        if (is_minus_zero) return exact_double(from, p->at, out);
        put_value(out, (uint64_t)(uintptr_t)from, (uint32_t)(p->at - from), WEIR_JSON_BIG);
        return WEIR_JSON_OK;
    }
    int exponent = 0;
    if (*p->at == '.') {
        uint8_t *point = ++p->at;
        while (*p->at >= '0' && *p->at <= '9') mantissa = mantissa * 10 + (uint64_t)(*p->at++ - '0');
        if (p->at == point) return WEIR_JSON_BAD_NUMBER;
        count += (size_t)(p->at - point);
        exponent = -(int)(p->at - point > 1000 ? 1000 : p->at - point);
    }
    if (*p->at == 'e' || *p->at == 'E') {
        p->at++;
        bool lowers = *p->at == '-';
        if (*p->at == '-' || *p->at == '+') p->at++;
        if (*p->at < '0' || *p->at > '9') return WEIR_JSON_BAD_NUMBER;
        int written = 0;
        while (*p->at >= '0' && *p->at <= '9') {
            if (written < 100000) written = written * 10 + (*p->at - '0');
            p->at++;
        }
        exponent += lowers ? -written : written;
    }
    // Exact by Clinger's fast path: both factors are representable and one rounding remains.
    if (count <= 15 && exponent >= -22 && exponent <= 22) {
        double number = (double)mantissa;
        number = exponent < 0 ? number / powers[-exponent] : number * powers[exponent];
        if (negative) number = -number;
        put_double(out, number);
        return WEIR_JSON_OK;
    }
    return exact_double(from, p->at, out);
}

int weir_json_parse_number(uint8_t **place, weir_json_value *out) {
    cursor from = {.at = *place};
    int result = read_number(&from, out);
    *place = from.at;
    return result;
}
