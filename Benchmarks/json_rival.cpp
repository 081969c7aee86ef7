// The rival of JSONBenchmark: simdjson (Debian's libsimdjson-dev) reading the same text, once into its own DOM with a
// visit to every value, once on into the same kind of values Weir keeps: 16 bytes each, in an arena that is reset.
#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

namespace dom = simdjson::dom;

struct Value {
    uint64_t bits;
    uint32_t count;
    uint8_t tag;
};

static std::vector<uint8_t> arena(1 << 20);
static size_t used;

static void *allocate(size_t bytes) {
    void *start = arena.data() + used;
    used += (bytes + 15) & ~size_t(15);
    if (used > arena.size()) abort();
    return start;
}

static Value text(std::string_view view) {
    void *copy = allocate(view.size());
    memcpy(copy, view.data(), view.size());
    return {uint64_t(uintptr_t(copy)), uint32_t(view.size()), 5};
}

static Value convert(dom::element element) {
    switch (element.type()) {
    case dom::element_type::ARRAY: {
        dom::array array = element;
        auto *values = static_cast<Value *>(allocate(array.size() * sizeof(Value)));
        uint32_t count = 0;
        for (dom::element each : array) values[count++] = convert(each);
        return {uint64_t(uintptr_t(values)), count, 6};
    }
    case dom::element_type::OBJECT: {
        dom::object object = element;
        auto *values = static_cast<Value *>(allocate(2 * object.size() * sizeof(Value)));
        uint32_t count = 0;
        for (auto [key, value] : object) {
            values[2 * count] = text(key);
            values[2 * count++ + 1] = convert(value);
        }
        return {uint64_t(uintptr_t(values)), count, 7};
    }
    case dom::element_type::STRING: return text(std::string_view(element));
    case dom::element_type::INT64: return {uint64_t(int64_t(element)), 0, 3};
    case dom::element_type::UINT64: return {uint64_t(element), 0, 8};
    case dom::element_type::DOUBLE: {
        double number = element;
        Value value = {0, 0, 4};
        memcpy(&value.bits, &number, sizeof number);
        return value;
    }
    case dom::element_type::BOOL: return {0, 0, uint8_t(bool(element) ? 2 : 1)};
    default: return {0, 0, 0};
    }
}

static uint64_t visit(dom::element element) {
    uint64_t seen = 1;
    if (element.is_array())
        for (dom::element each : dom::array(element)) seen += visit(each);
    if (element.is_object())
        for (auto [key, value] : dom::object(element)) seen += key.size() + visit(value);
    return seen;
}

template <typename Work> static long median(Work work) {
    std::vector<long> times;
    for (int round = 0; round < 9; round++) {
        auto start = std::chrono::steady_clock::now();
        for (int each = 0; each < 20000; each++) work();
        auto spent = std::chrono::steady_clock::now() - start;
        times.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count() / 20000);
    }
    std::sort(times.begin(), times.end());
    return times[4];
}

int main(int, char **arguments) {
    std::ifstream file(arguments[1]);
    std::stringstream stream;
    stream << file.rdbuf();
    simdjson::padded_string json(stream.str());
    dom::parser parser;
    volatile uint64_t sink = 0;
    long bare = median([&] { sink = sink + visit(parser.parse(json)); });
    long kept = median([&] {
        used = 0;
        sink = sink + convert(parser.parse(json)).count;
    });
    printf("{\"visit_ns\":%ld,\"keep_ns\":%ld}\n", bare, kept);
}
