"""Judges the records of scripts/test-two-guests and scripts/test-guest-lab: every measurement is there, none failed, and what counts frames agrees.
Arguments: the run, the folder of its report, the number of ordered pairs."""

import sys
from pathlib import Path

import judged

run, report = map(Path, sys.argv[1:3])
records = judged.records_of(run)
# For each pair: a stream, round trips and a rate at two sizes, a ping-pong at one.
expected = int(sys.argv[3]) * (2 + 1 + 2 + 2)
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
judged.end(records, wrong, report)
