#ifndef WEIR_REGEX_H
#define WEIR_REGEX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled pattern of RE2: matching takes a time that grows with the text alone, whatever the pattern is.
typedef struct weir_regex weir_regex;

/// NULL where the pattern is malformed or needs more than max_memory bytes; then error says why, ended by a zero.
weir_regex *weir_regex_create(
    const char *pattern, size_t length, int64_t max_memory, char *error, size_t error_size);
void weir_regex_destroy(weir_regex *regex);

/// Groups without the whole match.
int weir_regex_groups(const weir_regex *regex);

/// The name of a group from 1, NULL where it has none. Lives as long as the pattern.
const char *weir_regex_group_name(const weir_regex *regex, int group);

/// Looks for the pattern from start on. 1 where it is found: spans then holds where the match and each of count - 1
/// groups begins and ends, -1 for groups that took no part.
int weir_regex_search(
    const weir_regex *regex, const char *text, size_t length, size_t start, int64_t *spans, int count);

#ifdef __cplusplus
}
#endif
#endif
