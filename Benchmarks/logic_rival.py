"""The rival of LogicBenchmark: datalogic-py (PyPI), the same rules and data, each compiled once."""
import json
import statistics
import time

import datalogic_py as rival

ITEMS = [{"id": i, "price": i * 7 % 101} for i in range(200)]
SCENARIOS = [
    ("comparison", {">": [{"var": "a"}, 10]}, {"a": 25, "b": "x"}, 200_000),
    ("filter and reduce of 200",
     {"reduce": [{"filter": [{"var": "items"}, {">": [{"var": "price"}, 50]}]},
                 {"+": [{"var": "accumulator"}, {"var": "current.price"}]}, 0]}, {"items": ITEMS}, 5000),
]


def median(measure, value, count):
    times = []
    for _ in range(9):
        start = time.perf_counter_ns()
        for _ in range(count):
            measure(value)
        times.append((time.perf_counter_ns() - start) / count)
    return round(statistics.median(times))


for name, rule, data, count in SCENARIOS:
    compiled = rival.Engine().compile(rule)
    handle = rival.DataHandle(json.dumps(data))
    print(json.dumps({"rule": name, "parsed_ns": median(compiled.evaluate_data, handle, count),
                      "text_ns": median(compiled.evaluate_str, json.dumps(data), count)}))
