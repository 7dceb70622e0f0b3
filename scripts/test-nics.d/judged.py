"""What the judges of runs in guests share: the records of a run, and how the judgement is printed."""

import json
import sys


def records_of(run):
    return [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]


def end(records, wrong, report):
    """Prints what is wrong. The exit status is 0 if nothing is, and the folder has a report."""
    if not (report / "report.html").is_file():
        wrong = wrong + ["no report.html"]
    print("\n".join(wrong))
    print(f"{len(records)} records, {len(wrong)} faults")
    sys.exit(bool(wrong))
