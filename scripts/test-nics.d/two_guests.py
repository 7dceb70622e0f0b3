"""Judges the records of scripts/test-two-guests and scripts/test-guest-lab: every measurement is there, none failed, and what counts frames agrees.
Arguments: the run, the folder of its report, the number of ordered pairs, and where TLS ended in each transfer of files."""

import sys
from pathlib import Path

import judged

run, report = map(Path, sys.argv[1:3])
records = judged.records_of(run)
# For each pair: a stream, round trips and a rate at two sizes, a ping-pong at one.
tls_ends = sys.argv[4:]
expected = int(sys.argv[3]) * (2 + 1 + 2 + 2) + len(tls_ends)
wrong = [] if len(records) == expected else [f"{len(records)} of {expected} records"]
for record in records:
    state, values = record["verdict"]["state"], record["values"]
    kinds = {reason.split(":")[0] for reason in record["verdict"].get("reasons", [])}
    print(f"{record['id']:44} {state:8} {values.get('frames_sent', '-')} sent, {values.get('frames_received', '-')} received {sorted(kinds) or ''}")
    # An emulated processor interrupts poll loops and is too slow for a rate: that may make DPDK's records invalid, and nothing else may.
    if state == "failed" or kinds - {"hiccup", "offered-short", "every trial is invalid"}:
        wrong.append(f"{record['id']}: {record['verdict']}")
    if record["stack"] != "dpdk" and state != "valid":
        wrong.append(f"{record['id']}: {record['verdict']}")
    if record["method"] == "round-trip" and values.get("frames_sent") != values.get("frames_received"):
        wrong.append(f"{record['id']}: {values['frames_received']} of {values['frames_sent']} frames returned")
transfers = [record for record in records if record["stack"] == "kernel-tls"]
if [record["parameters"]["tls_at"] for record in transfers] != tls_ends:
    wrong.append(f"files over TLS: {[record['id'] for record in transfers]}")
for record in transfers:
    parameters = record["parameters"]
    times = parameters.get("transfers_s", [])
    print(f"{record['id']:44} {times} s, TLS sessions of the kernel: {parameters.get('kernel_tls_sessions', '-')}")
    # The kernel's own counters say who encrypted: each transfer is a session.
    sessions = len(times) if parameters["tls_at"] == "endpoint-ktls" else 0
    if parameters.get("kernel_tls_sessions", {"software": 0, "device": 0}) != {"software": sessions, "device": 0}:
        wrong.append(f"{record['id']}: {parameters}")
judged.end(records, wrong, report)
