"""Measures what a cluster stands on: the drivers against the databases' own tools, PostgreSQL as the queue, and two
instances against one. Ratios come from one run on one machine; medians of several rounds.

Usage: python3 Benchmarks/cluster.py [rounds] [seconds]; needs the release builds that `make bench-cluster` makes.
"""
import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

sys.argv, ARGUMENTS = sys.argv[:1], sys.argv[1:]
import report
import run  # what is measured in one instance, and how

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build-release" / "release"
ROUNDS = int(ARGUMENTS[0]) if ARGUMENTS else 5
SECONDS = int(ARGUMENTS[1]) if len(ARGUMENTS) > 1 else 5
QUEUE = ["--set", "queue.buffer_size=1000000", "--set", "queue.max_queue_memory_bytes=1000000000", "--set", "logging.level=error"]


def say(text):
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def cluster(*arguments):
    process = subprocess.Popen([ROOT / "scripts" / "cluster", "--output", "json", "--without-proxy", *QUEUE, *arguments],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(60)


def port(instance):
    return int(instance["url"].rsplit(":", 1)[1])


def ask(facts, sql):
    return subprocess.run(["psql", "-Atq", facts["postgres"]["url"], "-c", sql], capture_output=True, text=True, check=True
                          ).stdout.strip()


def drivers(name, command):
    """One of our own programs, which measures itself and its rival in turn and prints one JSON value."""
    say(name)
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def postgres():
    return drivers("PostgreSQL", [BUILD / "PostgresBenchmark", "--rounds", str(ROUNDS), "--seconds", str(SECONDS)])


def redis():
    return drivers("Redis", [sys.executable, ROOT / "Benchmarks" / "redis.py", str(ROUNDS)])["redis"]


def queue():
    """Async runs on PostgreSQL with fsync: accepted to done per second, and how long an accepted run waits for its start."""
    with cluster("--instances", "1", "--without-redis") as facts:
        at = port(facts["instances"][0])
        run.deploy(at, "bench", run.LOG, {"tracing": {"mode": "off"}})
        rates, waits = [], []
        for number in range(ROUNDS):
            say(f"queue on PostgreSQL: round {number + 1} of {ROUNDS}")
            began = time.monotonic()
            loaded = subprocess.run(["wrk", "-t1", "-c64", f"-d{SECONDS}s", "-s", post_script(), f"http://127.0.0.1:{at}/api/v1/data/bench/async"],
                                    capture_output=True, text=True).stdout
            accepted, errors = map(int, re.search(r"R (\d+) (\d+)", loaded).groups())
            assert errors == 0, loaded
            while run.depth(at) > 0:
                time.sleep(0.01)
            rates.append(accepted / (time.monotonic() - began))
            since = ask(facts, "SELECT coalesce(max(created_at), 0) FROM traces")
            # Half of what it can do, evenly offered: the wait is the queue's, not that of an overload.
            subprocess.run(["h2load", "--h1", "-t1", "-c16", "--rps", "94", "-D", str(SECONDS), "-H", "content-type: application/json", "-d",
                            body_file(), f"http://127.0.0.1:{at}/api/v1/data/bench/async"], stdout=subprocess.DEVNULL, check=True)
            while run.depth(at) > 0:
                time.sleep(0.01)
            waits.append(float(ask(facts, "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY started_at - created_at) / 1000.0 "
                                          f"FROM traces WHERE created_at > {since}")))
        undone = int(ask(facts, "SELECT count(*) FROM traces WHERE status <> 2"))
        assert undone == 0, f"{undone} accepted runs are not done"
    return {"accept_to_done_per_second": round(statistics.median(rates)), "dispatch_p99_ms": round(statistics.median(waits), 2)}


def scratch(name, text):
    folder = ROOT / "Benchmarks" / "scratch"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return str(folder / name)


def body_file():
    return scratch("body.json", run.SIMPLE)


def post_script():
    return scratch("post.lua", f"wrk.method='POST'\nwrk.body=[==[{run.SIMPLE}]==]\nwrk.headers['Content-Type']='application/json'\n"
                   "done=function(s,l,r) io.write(string.format('R %d %d\\n', s.requests, s.errors.status+s.errors.connect+s.errors.read"
                   "+s.errors.timeout)) end\n")


def load(ports, config="bench"):
    """Fifty connections, shared by the instances, from the second processor: requests per second in all."""
    results = {}

    def one(at):
        results[at] = run.wrk(at, f"/api/v1/data/{config}", run.SIMPLE, 50 // len(ports), SECONDS)
    threads = [threading.Thread(target=one, args=[at]) for at in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result[3] == 0 for result in results.values()), results
    return sum(result[0] for result in results.values())


def instances():
    """Scenario B: two instances with PostgreSQL and Redis against one with its state in memory, all on one processor."""
    one_thread = ["--set", "server.threads=1"]
    with cluster("--instances", "1", "--processors", "1=0", "--without-redis", *one_thread) as alone, \
            cluster("--instances", "2", "--processors", "1=0,2=0", *one_thread) as two:
        lone, pair = [port(alone["instances"][0])], [port(one) for one in two["instances"]]
        for place in (lone, pair):
            run.deploy(place[0], "bench", run.LOG, {"tracing": {"mode": "batch"}})
            run.deploy(place[0], "limited", run.LOG, {"rate_limit": {"requests_per_second": 1000000, "burst": 100000},
                                                      "tracing": {"mode": "batch"}})
        time.sleep(2)  # every instance has heard of them
        found = {"B": [], "B with a rate limit": []}
        for number in range(ROUNDS):
            say(f"two instances: round {number + 1} of {ROUNDS}")
            for name, channel in (("B", "bench"), ("B with a rate limit", "limited")):
                single = load(lone, channel)
                found[name].append((load(pair, channel) / single, single))
    return {name: {"ratio_to_one": round(statistics.median(ratio for ratio, _ in runs), 3),
                   "one_per_second": round(statistics.median(single for _, single in runs))} for name, runs in found.items()}


def main():
    results = {"rounds": ROUNDS, "seconds": SECONDS, "postgres": postgres(), "redis": redis(),
               "queue": queue(), "two_instances": instances()}
    (ROOT / "Benchmarks" / "cluster-results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(report.write())


if __name__ == "__main__":
    main()
