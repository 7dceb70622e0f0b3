#!/usr/bin/env python3
"""Writes the rows of scripts/test-versions into the table of docs/versions.md: table.py DOCUMENT RESULTS…

A file of results has one `step<TAB>result` a line. Rows of distributions that were not run stay.
"""

import sys
from pathlib import Path

BEGIN, END = "<!-- rows of scripts/test-versions -->", "<!-- end of rows -->"
STEPS = ["setup", "user-setup", "dataplane", "pair", "run", "user-run", "tcp"]


def row(results):
    facts = dict(line.split("\t", 1) for line in results.read_text().splitlines())
    dpdk, iperf3, rust = facts.get("facts", "?|?|?").split("|")
    cells = [facts["distribution"], dpdk.removeprefix("DPDK "), iperf3, rust] + [facts.get(step, "not run") for step in STEPS] + [facts["date"]]
    return "| " + " | ".join(cells) + " |"


def main(document, results):
    path = Path(document)
    before, rest = path.read_text().split(BEGIN)
    old, after = rest.split(END)
    rows = {line.split("|")[1].strip(): line for line in old.strip().splitlines() if line.startswith("| ") and "---" not in line}
    header = "| distribution | DPDK | iperf3 | Rust | setup by root | setup by a user | tests of dataplane | shared-memory pair | `scripts/run --quick` by root: records | by a user | kernel TCP: linerate/`iperf3 -t 1` by hand, ratio | date |"
    rows = {name: line for name, line in rows.items() if name != "distribution"}
    for file in results:
        line = row(Path(file))
        rows[line.split("|")[1].strip()] = line
    lines = [header, "|" + "---|" * (header.count("|") - 1)] + [rows[name] for name in sorted(rows)]
    path.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
