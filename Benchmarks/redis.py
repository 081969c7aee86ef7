"""Measures the Redis client against redis-benchmark in one run: GET over loopback, the server on one processor, the load on
another, rounds in turn, medians. Prints JSON.

Usage: python3 Benchmarks/redis.py [rounds] [requests]; needs redis-server, redis-benchmark and the release build of
RedisBenchmark.
"""
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / ".build-release" / "release" / "RedisBenchmark"
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
REQUESTS = int(sys.argv[2]) if len(sys.argv) > 2 else 500_000
# Connections and commands under way on each.
SHAPES = [(1, 1), (1, 16), (1, 64), (8, 16)]
TARGET = 0.8


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(place, command):
    processors = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(processors[place % len(processors)])] + command


def theirs(port, connections, depth, requests):
    command = ["redis-benchmark", "-p", str(port), "-t", "get", "-c", str(connections), "-P", str(depth), "-n", str(requests),
               "--csv"]
    lines = subprocess.run(pinned(1, command), check=True, capture_output=True, text=True).stdout.splitlines()
    row = next(line for line in lines if line.startswith('"GET"'))
    return float(row.split(",")[1].strip('"'))


def ours(port, connections, depth, requests):
    command = [str(PROGRAM), str(port), str(connections), str(depth), str(requests)]
    result = json.loads(subprocess.run(pinned(1, command), check=True, capture_output=True, text=True).stdout)
    assert result["failed"] == 0, result
    return result["per_second"]


def measure(port, connections, depth):
    requests = REQUESTS if depth > 1 else REQUESTS // 10
    rounds = [(theirs(port, connections, depth, requests), ours(port, connections, depth, requests)) for _ in range(ROUNDS)]
    return {"name": f"redis GET, {connections} x {depth}", "connections": connections, "depth": depth,
            "redis_benchmark_per_second": round(statistics.median(each[0] for each in rounds)),
            "weir_per_second": round(statistics.median(each[1] for each in rounds)),
            "ratio": round(statistics.median(each[1] / each[0] for each in rounds), 3), "target": TARGET}


def main():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        server = subprocess.Popen(pinned(0, command), stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).stdout != b"PONG\n":
                assert time.monotonic() < deadline, "redis-server did not start"
            subprocess.run(["redis-cli", "-p", str(port), "set", "key:__rand_int__", "xxx"], check=True, capture_output=True)
            print(json.dumps({"redis": [measure(port, *shape) for shape in SHAPES]}, indent=2))
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
