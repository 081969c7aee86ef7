#ifndef WEIR_SIMD_H
#define WEIR_SIMD_H

#include <stddef.h>
#include <stdint.h>

#include "weir_json.h"

// What goes over sixteen bytes at a time where the processor can (SSE2, which every x86-64 has), else byte by byte.

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/// Bytes before the next quote, backslash, control or non-ASCII byte: what a string is read in runs of.
static inline size_t plain_run(const uint8_t *at, size_t length) {
    size_t done = 0;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(' ');
    while (length - done >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(at + done));
        // Signed: bytes from 0x80 up are negative, so they are less than a space too.
        __m128i stop = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
            _mm_cmplt_epi8(bytes, space));
        int mask = _mm_movemask_epi8(stop);
        if (mask) return done + (size_t)__builtin_ctz((unsigned)mask);
        done += 16;
    }
#endif
    while (done < length && at[done] >= ' ' && at[done] < 0x80 && at[done] != '"' && at[done] != '\\') done++;
    return done;
}

/// Bytes before the next quote, backslash or control byte: what a string is written in runs of.
static inline size_t unescaped_run(const uint8_t *at, size_t length) {
    size_t done = 0;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), last = _mm_set1_epi8(0x1F);
    while (length - done >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(at + done));
        __m128i stop = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
            _mm_cmpeq_epi8(_mm_max_epu8(bytes, last), last));
        int mask = _mm_movemask_epi8(stop);
        if (mask) return done + (size_t)__builtin_ctz((unsigned)mask);
        done += 16;
    }
#endif
    while (done < length && at[done] >= ' ' && at[done] != '"' && at[done] != '\\') done++;
    return done;
}

/// Writes a value in one store: whoever copies it next need not wait for its parts.
static inline void put_value(weir_json_value *out, uint64_t bits, uint32_t count, uint8_t tag) {
#ifdef __SSE2__
    _mm_storeu_si128((__m128i *)out, _mm_set_epi64x((int64_t)((uint64_t)tag << 32 | count), (int64_t)bits));
#else
    *out = (weir_json_value){.bits = bits, .count = count, .tag = tag};
#endif
}

/// memcpy of what was written value by value a moment ago, mostly few.
static inline void copy_values(weir_json_value *to, const weir_json_value *from, size_t count) {
#ifdef __SSE2__
    for (size_t each = 0; each < count; each++)
        _mm_storeu_si128((__m128i *)(to + each), _mm_loadu_si128((const __m128i *)(from + each)));
#else
    for (size_t each = 0; each < count; each++) to[each] = from[each];
#endif
}

#endif
