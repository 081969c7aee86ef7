#include "weir_regex.h"

#include <algorithm>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <re2/re2.h>

struct weir_regex {
    std::unique_ptr<re2::RE2> pattern;
    std::map<int, std::string> names;
};

extern "C" weir_regex *weir_regex_create(
    const char *pattern, size_t length, int64_t max_memory, char *error, size_t error_size) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(max_memory);
    auto regex = std::make_unique<weir_regex>();
    regex->pattern = std::make_unique<re2::RE2>(re2::StringPiece(pattern, length), options);
    if (!regex->pattern->ok()) {
        const std::string &reason = regex->pattern->error();
        size_t count = std::min(reason.size(), error_size - 1);
        reason.copy(error, count);
        error[count] = 0;
        return nullptr;
    }
    regex->names = regex->pattern->CapturingGroupNames();
    return regex.release();
}

extern "C" void weir_regex_destroy(weir_regex *regex) { delete regex; }

extern "C" int weir_regex_groups(const weir_regex *regex) { return regex->pattern->NumberOfCapturingGroups(); }

extern "C" const char *weir_regex_group_name(const weir_regex *regex, int group) {
    auto found = regex->names.find(group);
    return found == regex->names.end() ? nullptr : found->second.c_str();
}

extern "C" int weir_regex_search(
    const weir_regex *regex, const char *text, size_t length, size_t start, int64_t *spans, int count) {
    re2::StringPiece whole(text, length);
    std::vector<re2::StringPiece> found(count);
    if (!regex->pattern->Match(whole, start, length, re2::RE2::UNANCHORED, found.data(), count)) return 0;
    for (int group = 0; group < count; group++) {
        bool took_part = found[group].data() != nullptr;
        spans[2 * group] = took_part ? found[group].data() - text : -1;
        spans[2 * group + 1] = took_part ? spans[2 * group] + static_cast<int64_t>(found[group].size()) : -1;
    }
    return 1;
}
