#!/usr/bin/env python3
"""Turns the records of ./run into metrics of the common data model, with crucible's own library."""

import json
import os
import sys
from datetime import datetime
from pathlib import Path

TOOLBOX_HOME = os.environ.get("TOOLBOX_HOME")
if TOOLBOX_HOME:
    sys.path.append(str(Path(TOOLBOX_HOME) / "python"))

from toolbox.cdm_metrics import CDMMetrics

# Type, class, and how it is read from the values of a record (docs/results.md). The first that a record has is its primary metric.
THROUGHPUT = [
    ("frames-sec", "throughput", lambda values: values.get("forwarding_pps")),
    ("goodput-bits-sec", "throughput", lambda values: values.get("goodput_bps")),
]
ROUND_TRIPS = [
    ("round-trip-usec", "count", lambda values: round_trip(values, "p50", "mean")),
    ("p99-round-trip-usec", "count", lambda values: round_trip(values, "p99")),
]
OTHERS = [
    ("offered-frames-sec", "throughput", lambda values: values.get("offered_pps")),
    ("loss-ratio", "count", lambda values: values.get("loss_ratio")),
]


def round_trip(values, *keys):
    """The first of these keys of the round trips, in microseconds."""
    found = [values["rtt_ns"][key] for key in keys if values.get("rtt_ns", {}).get(key) is not None]
    return found[0] / 1000 if found else None


def milliseconds(time):
    """Milliseconds since 1970 of a time stamp of RFC 3339, which may have nanoseconds."""
    seconds, _, fraction = time.rstrip("Z").partition(".")
    whole = int(datetime.fromisoformat(seconds + "+00:00").timestamp())
    return whole * 1000 + int((fraction + "000")[:3])


def main():
    try:
        with open("run/results.jsonl", encoding="utf-8") as file:
            records = [json.loads(line) for line in file if line.strip()]
    except FileNotFoundError:
        print("linerate-post-process.py: run/results.jsonl not found: the client measured nothing")
        return 1
    valid = [record for record in records if record["verdict"]["state"] == "valid"]
    if not valid:
        reasons = [reason for record in records for reason in record["verdict"]["reasons"]]
        print(f"linerate-post-process.py: none of {len(records)} records is valid: {'; '.join(reasons[:3])}")
        return 1
    metrics = CDMMetrics()
    primary = None
    for record in valid:
        families = ROUND_TRIPS + THROUGHPUT if record["metric"] == "latency" else THROUGHPUT + ROUND_TRIPS
        names = {"src": record["pair"]["from"], "dst": record["pair"]["to"], "protocol": record["stack"]}
        end = milliseconds(record["time"])
        begin = end - int(record.get("duration_s", 0) * 1000)
        for kind, group, read in families + OTHERS:
            value = read(record["values"])
            if value is None:
                continue
            primary = primary or kind
            description = {"source": "linerate", "class": group, "type": kind}
            metrics.log_sample("0", description, names, {"begin": begin, "end": end, "value": value})
    result = {
        "rickshaw-bench-metric": {"schema": {"version": "2021.04.12"}},
        "benchmark": "linerate",
        "primary-period": "measurement",
        "primary-metric": primary,
        "periods": [{"name": "measurement", "metric-files": [metrics.finish_samples()]}],
    }
    with open("postprocess/post-process-data.json", "w", encoding="utf-8") as file:
        json.dump(result, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
