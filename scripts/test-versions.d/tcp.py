#!/usr/bin/env python3
"""Checks the kernel TCP records of a run against iperf3 run by hand, for scripts/test-versions.

tcp.py verdicts RUN           every record of the run is there, none failed; prints how many are valid, and the first reasons of the others
tcp.py compare RUN PROGRAM    measures one pair at each size with PROGRAM and with `iperf3 -t 1` by hand, by turns in one lab, and prints the medians of
                              both and of the ratios; also finds records of RUN that are far from the others of their size
"""

import json
import shlex
import subprocess
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path

# The fault that this finds (iperf3 3.16 and `-n`) was a factor of 12 and more. The median of alternating rounds differs by less than FACTOR, also on
# a machine that does other work; single records of a run differ by less than FAR.
ROUNDS, FACTOR, FAR = 5, 2, 16

PLAN = """
name = "by-hand"
pairs = ["a-cpu:b-cpu"]
sizes = [64, 512, 1518]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "1s"
"""


def records(run):
    return [json.loads(line) for line in (Path(run) / "results.jsonl").read_text().splitlines()]


def verdicts(run):
    all_records = records(run)
    states = [record["verdict"]["state"] for record in all_records]
    for record in all_records:
        if record["verdict"]["state"] != "valid":
            print(record["pair"], record["stack"], record["size"], record["verdict"])
    if not states or "failed" in states:
        sys.exit(f"{states.count('failed')} of {len(states)} records failed")
    reasons = Counter(reason.split(":")[0] for record in all_records for reason in record["verdict"].get("reasons", [])[:1])
    print(f"{states.count('valid')} of {len(states)} valid" + "".join(f", {count} {reason}" for reason, count in reasons.most_common()))


def by_time(command):
    """The command of a record without its lab, and with one second instead of its own end."""
    words = shlex.split(command)
    words = words[words.index("iperf3"):]
    kept = []
    rest = iter(words)
    for word in rest:
        if word in ("-n", "-t"):
            next(rest)
        else:
            kept.append(word)
    return kept + ["-t", "1"]


def measure(record, lab):
    inside = lambda end: ["ip", "netns", "exec", f"lr-{lab}-{record['pair'][end]}"]
    client = by_time(record["tool"]["commands"][0])
    port = client[client.index("-p") + 1]
    server = subprocess.Popen(inside("to") + ["iperf3", "-s", "-1", "-p", port], stdout=subprocess.DEVNULL)
    try:
        for _ in range(50):
            done = subprocess.run(inside("from") + client, capture_output=True, text=True)
            answer = json.loads(done.stdout)
            if "error" not in answer:
                return answer["end"]["sum_received"]["bits_per_second"]
        sys.exit(f"iperf3: {answer['error']}")
    finally:
        server.kill()
        server.wait()


def by_program(program, lab, directory):
    """The records of one run of PLAN, by size."""
    plan = Path(directory) / "plan.toml"
    plan.write_text(PLAN)
    out = tempfile.mkdtemp(dir=directory)
    command = [program, "run", "--kept", lab, "--plan", str(plan), "--out", f"{out}/run"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"linerate run: {done.stdout}{done.stderr}")
    return {record["size"]["bytes"]: record for record in records(f"{out}/run")}


def compare(run, program):
    lab = "versions"
    subprocess.run([program, "lab", "up", "--name", lab], check=True, stdout=subprocess.DEVNULL)
    ours, by_hand = {}, {}
    try:
        with tempfile.TemporaryDirectory() as directory:
            for _ in range(ROUNDS):
                for size, record in by_program(program, lab, directory).items():
                    if "goodput_bps" not in record.get("values", {}):
                        sys.exit(f"{size} B was not measured: {record['verdict']}")
                    ours.setdefault(size, []).append(record["values"]["goodput_bps"])
                    by_hand.setdefault(size, []).append(measure(record, lab))
    finally:
        subprocess.run([program, "lab", "down", "--name", lab], check=True, stdout=subprocess.DEVNULL)
    shown, wrong = [], []
    for size in sorted(ours):
        ratios = sorted(mine / theirs for mine, theirs in zip(ours[size], by_hand[size]))
        rates = "/".join(f"{statistics.median(of) / 1e6:.0f}" for of in (ours[size], by_hand[size]))
        shown.append(f"{size} B: {rates} Mb/s, {statistics.median(ratios):.2f} [{ratios[0]:.2f}–{ratios[-1]:.2f}]")
        if not 1 / FACTOR < statistics.median(ratios) < FACTOR:
            wrong.append(shown[-1])
    # Pairs that follow each other must not size each other's transfers wrongly: no record may be far from the median of its size.
    streams = [r for r in records(run) if r["stack"] == "kernel-tcp" and r["metric"] == "throughput" and "goodput_bps" in r.get("values", {})]
    for size in sorted({r["size"]["bytes"] for r in streams}):
        rates = sorted(r["values"]["goodput_bps"] for r in streams if r["size"]["bytes"] == size)
        median = rates[len(rates) // 2]
        wrong += [f"{size} B: {rate / 1e6:.2f} Mb/s, median {median / 1e6:.0f}" for rate in rates if rate < median / FAR]
    if not streams:
        wrong.append("the run has no kernel TCP stream")
    if wrong:
        sys.exit("not within noise: " + "; ".join(wrong))
    print("; ".join(shown))


if __name__ == "__main__":
    {"verdicts": verdicts, "compare": compare}[sys.argv[1]](*sys.argv[2:])
