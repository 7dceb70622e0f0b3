#!/usr/bin/env python3
"""Checks the kernel TCP records of a run against iperf3 run by hand, for scripts/test-versions.

tcp.py verdicts RUN           every record of the run is there, none failed; prints how many are valid, and the first reasons of the others
tcp.py compare RUN PROGRAM    measures one pair at each size again with `iperf3 -t 1` in a lab of PROGRAM, and prints run/by hand
"""

import json
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

# A run and a repetition by hand differ by noise. The fault that this finds (iperf3 3.16 and `-n`) was a factor of 12 and more.
FACTOR = 4


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


def compare(run, program):
    tcp = [r for r in records(run) if r["stack"] == "kernel-tcp" and r["tool"]["name"] == "iperf3" and "goodput_bps" in r.get("values", {})]
    if not tcp:
        sys.exit("the run has no kernel TCP record of iperf3")
    pair = tcp[0]["pair"]
    lab = "versions"
    subprocess.run([program, "lab", "up", "--name", lab], check=True, stdout=subprocess.DEVNULL)
    shown, wrong = [], []
    try:
        for record in (r for r in tcp if r["pair"] == pair):
            ours, by_hand = record["values"]["goodput_bps"], measure(record, lab)
            shown.append(f"{record['size']['bytes']} B: {ours / 1e6:.0f} / {by_hand / 1e6:.0f} Mb/s")
            if not 1 / FACTOR < ours / by_hand < FACTOR:
                wrong.append(shown[-1])
    finally:
        subprocess.run([program, "lab", "down", "--name", lab], check=True, stdout=subprocess.DEVNULL)
    # Pairs that follow each other must not size each other's transfers wrongly: no record may be far from the median of its size.
    for size in sorted({r["size"]["bytes"] for r in tcp}):
        rates = sorted(r["values"]["goodput_bps"] for r in tcp if r["size"]["bytes"] == size)
        median = rates[len(rates) // 2]
        wrong += [f"{size} B: {rate / 1e6:.2f} Mb/s, median {median / 1e6:.0f}" for rate in rates if rate < median / (FACTOR * FACTOR)]
    if wrong:
        sys.exit("not within noise: " + "; ".join(wrong))
    print("; ".join(shown))


if __name__ == "__main__":
    {"verdicts": verdicts, "compare": compare}[sys.argv[1]](*sys.argv[2:])
