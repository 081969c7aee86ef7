"""Writes BENCHMARKS.md from what was measured last: results.json (`make bench`) and cluster-results.json
(`make bench-cluster`)."""
import json
import os
import pathlib
import platform

ROOT = pathlib.Path(__file__).resolve().parent.parent
MACHINE = f"{os.cpu_count()} shared processors, {platform.system()} {platform.machine()}"


def one_instance(facts):
    text = ["", "## One instance", "",
            f"`make bench`: {facts['rounds']} rounds of {facts['seconds']} s, medians; the server pinned to one processor, "
            "`wrk` with 50 connections to the other; nginx `return 200` in the same rounds.", "",
            "| scenario | requests/s | ratio to nginx | target | p50 ms | p99 ms | not 2xx |", "|---|---|---|---|---|---|---|"]
    for name, row in facts["scenarios"].items():
        target = f">= {row['target']:.2f}" if row["target"] else ""
        text.append(f"| {name} | {row['requests_per_second']:,} | {row['ratio_to_nginx']} | {target} | {row['p50_ms']:.2f} "
                    f"| {row['p99_ms']:.2f} | {row['errors']} |")
    documents = facts["json"]
    text += ["", f"J accept to done: {facts['J_accept_to_done_per_second']:,} per second (target 5,000). Idle memory: "
             f"{facts['idle_memory_mb']:.1f} MB (target 40). Start to ready: {facts['start_to_ready_ms']:.0f} ms (target 200).", "",
             "G counts refusals (429) as not 2xx: that is what it measures. K is measured against nginx `proxy_pass` to the same echo.", "",
             "### JSONLogic", "", "Each rule compiled once, medians of 9 rounds in this run, nanoseconds for one evaluation.", "",
             "| rule | weir, parsed data | datalogic-py, parsed data | weir, from text | datalogic-py, from text |", "|---|---|---|---|---|"]
    for name, row in facts["jsonlogic"].items():
        text.append(f"| {name} | {row['weir']['parsed_ns']:,} | {row['datalogic_py']['parsed_ns']:,} | {row['weir']['text_ns']:,} "
                    f"| {row['datalogic_py']['text_ns']:,} |")
    return text + ["", "### JSON", "", f"A document of {documents['bytes']:,} bytes: weir reads it into its values in {documents['read_ns']:,} ns "
                   f"and writes it in {documents['write_ns']:,} ns. simdjson reads it into its own DOM and visits it in "
                   f"{documents['simdjson_visit_ns']:,} ns, and on into values such as ours in {documents['simdjson_keep_ns']:,} ns."]


def many_instances(facts):
    postgres, queue = facts["postgres"], facts["queue"]
    text = ["", "## Many instances", "",
            f"`make bench-cluster`: {facts['rounds']} rounds of {facts['seconds']} s, medians; servers and load share the machine.", "",
            "Single-row selects by key on PostgreSQL over a Unix socket. The rival is `pgbench -S -M prepared` with 8 connections on one "
            "thread; our callers, too, are on one thread, that of the driver.", "",
            "| PostgreSQL driver | selects/s | ratio to pgbench | target |", "|---|---|---|---|",
            f"| pgbench, 8 connections | {postgres['pgbench_per_second']:,} | | |"]
    for key, name, target in (("callers_8", "8 callers, 8 connections", ">= 1.20"), ("callers_64", "64 callers, 8 connections", ">= 2.00"),
                              ("callers_64_on_1", "64 callers, 1 connection", "")):
        text.append(f"| {name} | {postgres[key + '_per_second']:,} | {postgres[key + '_ratio']} | {target} |")
    text += ["", "The rival of the Redis client is `redis-benchmark` GET with as many connections and commands under way.", "",
             "| Redis client | redis-benchmark/s | weir/s | ratio | target |", "|---|---|---|---|---|"]
    for row in facts["redis"]:
        text.append(f"| {row['connections']} connections, {row['depth']} under way | {row['redis_benchmark_per_second']:,} "
                    f"| {row['weir_per_second']:,} | {row['ratio']} | >= {row['target']:.2f} |")
    text += ["", f"Asynchronous runs on PostgreSQL with fsync, one instance, load and database on the same two processors: "
             f"{queue['accept_to_done_per_second']:,} per second from accepted to done (target 3,000). With 1,500 a second offered evenly, a run waits "
             f"{queue['dispatch_p99_ms']} ms for its start (p99; target 25).", "",
             "Two instances with PostgreSQL and Redis against one with its state in memory, all instances on one processor, the load on "
             "the other:", "",
             "| scenario | one, requests/s | ratio of two to one | target |", "|---|---|---|---|"]
    for name, row in facts["two_instances"].items():
        text.append(f"| {name} | {row['one_per_second']:,} | {row['ratio_to_one']} | >= 0.85 |")
    return text


def write():
    text = ["# Benchmarks", "", f"{MACHINE}. Quote the ratios: rivals are measured in the same run, in turns."]
    for name, render in (("results.json", one_instance), ("cluster-results.json", many_instances)):
        file = ROOT / "Benchmarks" / name
        if file.exists():
            text += render(json.loads(file.read_text()))
    (ROOT / "BENCHMARKS.md").write_text("\n".join(text) + "\n")
    return "\n".join(text)


if __name__ == "__main__":
    print(write())
