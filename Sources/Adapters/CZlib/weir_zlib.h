#include <zlib.h>

/// deflateInit2 and inflateInit2 are macros, which Swift does not see. 31: gzip framing, largest window.
static inline int weir_gzip_start(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
}

static inline int weir_gunzip_start(z_stream *stream) { return inflateInit2(stream, 31); }
