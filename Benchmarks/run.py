"""Measures Weir against nginx in one run: the server on one processor, the load on another, rounds in turn, medians.

Usage: python3 Benchmarks/run.py [rounds] [seconds]; needs wrk, nginx and the release build.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import report

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEIR = ROOT / ".build-release" / "release" / "weir"
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
SIMPLE = json.dumps({"data": {"amount": 250, "type": "premium", "region": "US", "active": True, "source": "api",
                              "customer_id": "cust-12345", "timestamp": "2025-01-15T10:30:00Z"}})
COMPLEX = json.dumps({"data": {"amount": 750, "product": "widget", "country": "US", "customer_id": "cust-12345",
                               "currency": "USD", "payment_method": "credit_card",
                               "shipping_address": {"city": "Springfield", "state": "IL", "zip": "62701"}}})
TARGETS = {"A health": 0.40, "B batch": 0.25, "B sync": 0.10, "C batch": 0.15, "I async accept": 0.10, "H cache hit": 0.30,
           "K http_call": 0.35, "L db_read by key": 0.15}
# What a scenario is measured against, where that is not nginx answering by itself.
RIVALS = {"K http_call": "nginx proxy_pass"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(port, method, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method,
                                     data=body.encode() if body is not None else None,
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.loads(reply.read() or b"null")


def task(name, function, value, condition=None):
    made = {"id": name, "name": name, "function": {"name": function, "input": value}}
    if condition is not None:
        made["condition"] = condition
    return made


def maps(**paths):
    return {"mappings": [{"path": f"data.{path}", "logic": logic} for path, logic in paths.items()]}


def deploy(port, name, tasks, config):
    call(port, "POST", "/api/v1/admin/workflows", json.dumps({"workflow_id": name, "name": name, "tasks": tasks}))
    call(port, "PATCH", f"/api/v1/admin/workflows/{name}/status", '{"status":"active"}')
    call(port, "POST", "/api/v1/admin/channels", json.dumps(
        {"channel_id": name, "name": name, "channel_type": "sync", "protocol": "http", "methods": ["POST"],
         "route_pattern": "/" + name, "workflow_id": name, "config": config}))
    call(port, "PATCH", f"/api/v1/admin/channels/{name}/status", '{"status":"active"}')


def connect(port, name, kind, config):
    call(port, "POST", "/api/v1/admin/connectors", json.dumps({"name": name, "connector_type": kind, "config": config}))


def make_shop(path):
    with sqlite3.connect(path) as shop:
        shop.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
        shop.executemany("INSERT INTO items VALUES (?, ?)", ((number, f"item {number}") for number in range(10_000)))
    shop.close()


AMOUNT = {"var": "data.order.amount"}
LOG = [task("log", "log", {"message": "seen", "level": "debug"})]
ORDERS = [
    task("parse", "parse_json", {"source": "payload", "target": "order"}),
    task("vip", "map", maps(tier="vip", discount=20, shipping="free"), {">=": [AMOUNT, 500]}),
    task("premium", "map", maps(tier="premium", discount=10), {"and": [{">=": [AMOUNT, 100]}, {"<": [AMOUNT, 500]}]}),
    task("standard", "map", maps(tier="standard", discount=0), {"<": [AMOUNT, 100]}),
    task("enrich", "map", maps(at={"now": []}, label={"cat": ["order-", {"var": "data.order.customer_id"}]},
                               domestic={"if": [{"in": [{"var": "data.order.country"}, ["US", "CA"]]}, True, False]})),
]


def wrk(port, path, body=None, connections=50, seconds=None):
    script = tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False)
    if body is not None:
        script.write(f"wrk.method='POST'\nwrk.body=[==[{body}]==]\nwrk.headers['Content-Type']='application/json'\n")
    script.write("done=function(s,l,r) io.write(string.format('R %f %d %d %d\\n', s.requests/(s.duration/1e6), "
                 "l:percentile(50), l:percentile(99), s.errors.status+s.errors.connect+s.errors.read+s.errors.timeout)) end\n")
    script.close()
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds or SECONDS}s", "-s",
                          script.name, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True).stdout
    os.unlink(script.name)
    rate, half, worst, errors = re.search(r"R (\S+) (\d+) (\d+) (\d+)", out).groups()
    return float(rate), int(half), int(worst), int(errors)


def start_echo(folder, port):
    """What K and its rival call: another nginx, with the load generator on the other processor."""
    (folder / "echo.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/echo.pid; error_log {folder}/echo.err;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/eb; proxy_temp_path {folder}/ep;"
        f" fastcgi_temp_path {folder}/ef; uwsgi_temp_path {folder}/eu; scgi_temp_path {folder}/es;\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{{\"ok\":true}}'; }} }} }}\n")
    return subprocess.Popen(["taskset", "-c", "1", "nginx", "-c", str(folder / "echo.conf")], stderr=subprocess.DEVNULL)


def start_nginx(folder, port, echo_port):
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/err;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;"
        f" fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"upstream echo {{ server 127.0.0.1:{echo_port}; keepalive 64; }}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 'ok'; }}\n"
        "location /proxy { proxy_pass http://echo/; proxy_http_version 1.1; proxy_set_header Connection ''; } } }\n")
    return subprocess.Popen(["taskset", "-c", "0", "nginx", "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    nginx_port = free_port()
    echo_port = free_port()
    echo = start_echo(folder, echo_port)
    nginx = start_nginx(folder, nginx_port, echo_port)
    began = time.monotonic()
    weir = subprocess.Popen(["taskset", "-c", "0", str(WEIR), "serve", "--port", "0", "--storage-url",
                             f"sqlite:{folder}/weir.db", "--set", "queue.buffer_size=1000000",
                             "--set", "logging.level=error", "--set", "queue.max_queue_memory_bytes=1000000000"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    port = int(weir.stdout.readline().rsplit(":", 1)[1])
    ready_ms = (time.monotonic() - began) * 1000
    time.sleep(1)
    idle_mb = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{weir.pid}/status").read()).group(1)) / 1024
    try:
        for mode in ("batch", "sync", "off", "failures"):
            deploy(port, f"bench-{mode}", LOG, {"tracing": {"mode": mode}})
        deploy(port, "orders", ORDERS, {"tracing": {"mode": "batch"}})
        deploy(port, "limited", LOG, {"rate_limit": {"requests_per_second": 1000, "burst": 100}})
        deploy(port, "cached", LOG, {"cache": {"enabled": True, "ttl_secs": 3600}})
        connect(port, "echo", "http", {"url": f"http://127.0.0.1:{echo_port}", "allow_private_urls": True})
        connect(port, "shop", "db", {"connection_string": f"sqlite:{folder}/shop.db"})
        make_shop(folder / "shop.db")
        deploy(port, "calls", [task("call", "http_call", {"connector": "echo", "output": "data.reply"})],
               {"tracing": {"mode": "off"}})
        deploy(port, "reads", [task("read", "db_read", {
            "connector": "shop", "query": "SELECT id, name FROM items WHERE id = ?", "params": [4711], "output": "data.rows"})],
               {"tracing": {"mode": "off"}})
        assert call(port, "POST", "/api/v1/data/reads", SIMPLE)["data"]["rows"][0]["name"] == "item 4711"
        assert call(port, "POST", "/api/v1/data/calls", SIMPLE)["data"]["reply"]["ok"] is True
        for number in range(12):
            deploy(port, f"multi-{number}", LOG, {})
        reply = call(port, "POST", "/api/v1/data/orders", COMPLEX)
        assert reply["data"]["tier"] == "vip" and reply["data"]["domestic"] is True, reply
        data = "/api/v1/data/"
        scenarios = [
            ("nginx", lambda: wrk(nginx_port, "/")),
            ("A health", lambda: wrk(port, "/health")),
            ("B batch", lambda: wrk(port, data + "bench-batch", SIMPLE)),
            ("B sync", lambda: wrk(port, data + "bench-sync", SIMPLE)),
            ("B failures", lambda: wrk(port, data + "bench-failures", SIMPLE)),
            ("B off", lambda: wrk(port, data + "bench-off", SIMPLE)),
            ("C batch", lambda: wrk(port, data + "orders", COMPLEX)),
            ("D twelve channels", lambda: wrk(port, data + "multi-7", SIMPLE)),
            ("E 1 connection", lambda: wrk(port, data + "bench-batch", SIMPLE, 1)),
            ("E 10 connections", lambda: wrk(port, data + "bench-batch", SIMPLE, 10)),
            ("E 100 connections", lambda: wrk(port, data + "bench-batch", SIMPLE, 100)),
            ("F reloads", lambda: with_reloads(port, lambda: wrk(port, data + "bench-batch", SIMPLE))),
            ("G rate-limited", lambda: wrk(port, data + "limited", SIMPLE)),
            ("H cache hit", lambda: wrk(port, data + "cached", SIMPLE)),
            ("I async accept", lambda: accept(port)),
            ("nginx proxy_pass", lambda: wrk(nginx_port, "/proxy")),
            ("K http_call", lambda: wrk(port, data + "calls", SIMPLE)),
            ("L db_read by key", lambda: wrk(port, data + "reads", SIMPLE)),
        ]
        found = {name: [] for name, _ in scenarios}
        for round_number in range(ROUNDS):
            for name, measure in scenarios:
                print(f"round {round_number + 1} of {ROUNDS}: {name}", file=sys.stderr, flush=True)
                found[name].append(measure())
        done_rate = drain_rate(port)
    finally:
        weir.terminate()
        nginx.terminate()
        echo.terminate()
        weir.wait(60)
        nginx.wait(10)
        echo.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
    write(found, ready_ms, idle_mb, done_rate, *parts())


def lines(*command):
    """What a program prints, a JSON value a line."""
    out = subprocess.run(["taskset", "-c", "1", *map(str, command)], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def parts():
    """JSON and JSONLogic by themselves, against simdjson and datalogic-py."""
    print("JSON and JSONLogic", file=sys.stderr, flush=True)
    build = ROOT / ".build-release" / "release"
    scratch = ROOT / "Benchmarks" / "scratch"
    document = scratch / "1k.json"
    document.write_text(json.dumps({"orders": [
        {"id": number, "customer": f"cust-{number:05}", "amount": number * 12.5, "paid": number % 2 == 0, "note": None,
         "tags": ["new", "eu"], "city": "Zürich"} for number in range(9)]}, ensure_ascii=False))
    ours, theirs = lines(build / "JSONBenchmark", document)[0], lines(scratch / "json_rival", document)[0]
    rules = {line["rule"]: line for line in lines(build / "LogicBenchmark")}
    rivals = {line["rule"]: line for line in lines(scratch / "venv/bin/python", ROOT / "Benchmarks/logic_rival.py")}
    return {**ours, **{"simdjson_" + key: value for key, value in theirs.items()}}, {
        name: {"weir": rules[name], "datalogic_py": rivals[name]} for name in rules}


def with_reloads(port, measure):
    stop = threading.Event()

    def reload():
        while not stop.wait(0.5):
            call(port, "POST", "/api/v1/admin/engine/reload")
    worker = threading.Thread(target=reload)
    worker.start()
    try:
        return measure()
    finally:
        stop.set()
        worker.join()


def depth(port):
    return call(port, "GET", "/health")["trace_queue"]["depth"]


def accept(port):
    result = wrk(port, "/api/v1/data/bench-off/async", SIMPLE, seconds=2)
    while depth(port) > 0:
        time.sleep(0.05)
    return result


def drain_rate(port):
    """J: accepted to done, per second: everything that was accepted over the time until the last was done."""
    began = time.monotonic()
    rate, _, _, _ = wrk(port, "/api/v1/data/bench-off/async", SIMPLE, seconds=3)
    while depth(port) > 0:
        time.sleep(0.01)
    return rate * 3 / (time.monotonic() - began)


def write(found, ready_ms, idle_mb, done_rate, documents, rules):
    rows = {}
    for name, runs in found.items():
        ratios = [run[0] / rival[0] for run, rival in zip(runs, found[RIVALS.get(name, "nginx")])]
        rows[name] = {"requests_per_second": round(statistics.median(r[0] for r in runs)),
                      "ratio_to_nginx": round(statistics.median(ratios), 3),
                      "p50_ms": statistics.median(r[1] for r in runs) / 1000,
                      "p99_ms": statistics.median(r[2] for r in runs) / 1000,
                      "errors": sum(r[3] for r in runs), "target": TARGETS.get(name)}
    extra = {"start_to_ready_ms": round(ready_ms), "idle_memory_mb": round(idle_mb, 1),
             "J_accept_to_done_per_second": round(done_rate), "json": documents, "jsonlogic": rules}
    (ROOT / "Benchmarks" / "results.json").write_text(json.dumps(
        {"rounds": ROUNDS, "seconds": SECONDS, "scenarios": rows, **extra}, indent=2) + "\n")
    print(report.write())


if __name__ == "__main__":
    main()
