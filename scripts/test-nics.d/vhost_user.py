"""Judges the records of scripts/test-guest-vhost-user: every measurement is there, none failed, and no frame is unaccounted for."""

import sys
from pathlib import Path

import judged

run = Path(sys.argv[1])
records = judged.records_of(run)
# For each of three pairs: a stream, a ping-pong, round trips and a rate.
expected = 3 * 4
wrong = [] if len(records) == expected else [f"{len(records)} of {expected} records"]
for record in records:
    name, state, kernel = record["id"], record["verdict"]["state"], record["stack"] != "dpdk"
    device = record["parameters"].get("device")
    trials = (device or {}).get("trials", [])
    sent, received, inside = (sum(trial.get(key, 0) for trial in trials) for key in ("sent", "received", "lost_inside"))
    print(f"{name:42} {state:8}" + ("" if kernel else f"{len(trials)} trials, {sent} sent, {received} received, {inside} lost in testpmd"))
    if state == "failed" or (kernel and state != "valid"):
        wrong.append(f"{name}: {record['verdict']}")
    # Kernel traffic has the bridge, and no testpmd polls beside it.
    if kernel:
        wrong += [f"{name}: a device"] if device else []
        continue
    if not trials or device["kind"] != "testpmd":
        wrong.append(f"{name}: no testpmd in the path: {device}")
    for trial in trials:
        # Of each frame it is known where it is: received, or lost in testpmd, whose counters agree with those of both ends.
        if not trial["agrees"] or trial["sent"] != trial["received"] + trial["lost_inside"] or trial["sent"] == 0:
            wrong.append(f"{name}: trial {trial}")
    if record["method"] == "round-trip" and sent != received:
        wrong.append(f"{name}: {received} of {sent} frames returned")
judged.end(records, wrong, run)
