"""Our search and the reference (MLRsearch on PyPI) on the same simulated devices: what they cost, and how far off they are.

Every device is searched with several seeds. A seed sets the random draws and the phase of stalls, alike for both. For each class of
devices this prints the trial time of both and their ratio, and judges every answer by the exact probabilities of the device's loss model.
"""

import argparse
import json
import math
import multiprocessing
import statistics
import subprocess
import sys
from collections import defaultdict

from MLRsearch import AbstractMeasurer, Config, MeasurementResult, MultipleLossRatioSearch, SearchGoal

from devices import CLASSES

PRESETS = ["rfc2544", "csit-ndr-pdr"]
# The classes whose cost and answers are judged; of `dead` and `shortfall` the cost is printed.
JUDGED = ["plain", "buffered", "random", "stall", "band", "irregular", "mixed"]
# A bound is one that chance allows if full-length trials at it give that bound at least this often: one search decides about ten loads
# with full-length trials, so that a search that is right gives a bound beyond this once in a hundred runs at the very most.
ALLOWED = 0.001
MAX_RATIO_OF_A_CLASS = 1.1
MAX_RATIO_OVER_ALL = 1.0


class Server:
    """The simulated device, in a process of its own."""

    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the device server ended on {request}")
        return json.loads(line)


class Measurer(AbstractMeasurer):
    """The reference's way to the device; keeps the trial time."""

    def __init__(self, server):
        self.server, self.seconds = server, 0.0

    def measure(self, intended_duration, intended_load):
        self.seconds += intended_duration
        answer = self.server.ask(load_pps=intended_load, duration_s=intended_duration)
        return MeasurementResult(
            intended_duration=intended_duration,
            intended_load=intended_load,
            intended_count=answer["intended"],
            offered_count=answer["sent"],
            forwarding_count=answer["received"],
        )


def reference(server, space):
    config = Config()
    # fail_fast off: the default gives up PDR where NDR has no lower bound.
    config.goals = [
        SearchGoal(
            loss_ratio=goal["loss-ratio"],
            exceed_ratio=goal["exceed-ratio"],
            relative_width=goal["width"],
            initial_trial_duration=goal["initial-trial"],
            final_trial_duration=goal["final-trial"],
            duration_sum=goal["duration-sum"],
            fail_fast=False,
        )
        for goal in space["goals"]
    ]
    config.max_load, config.min_load = space["line_rate_pps"], space["min_load_pps"]
    measurer = Measurer(server)
    found = MultipleLossRatioSearch(config=config).search(measurer, debug=lambda text: None)
    bounds = []
    for result in found.values():
        lower, upper = result.relevant_lower_bound, result.relevant_upper_bound
        bounds.append((float(lower) if lower else None, float(upper) if upper else None))
    return bounds, measurer.seconds


class Truth:
    """What chance allows on one device with one preset, from the exact probability that full-length trials make a lower bound."""

    def __init__(self, server, space):
        self.server, self.space, self.known, self.medians = server, space, {}, {}

    def lower(self, goal, load):
        """The probability that `load` is decided as a lower bound."""
        load = min(max(load, 1.0), self.space["line_rate_pps"])
        key = (goal, load)
        if key not in self.known:
            self.known[key] = self.server.ask(chance_at_pps=load, goal=goal)["lower"]
        return self.known[key]

    def median(self, goal):
        """The load that is as likely a lower as an upper bound, searched from above as if there were one; None where none is."""
        if goal not in self.medians:
            low, high = self.space["min_load_pps"], self.space["line_rate_pps"]
            if self.lower(goal, high) >= 0.5:
                self.medians[goal] = high
            elif self.lower(goal, low) < 0.5:
                self.medians[goal] = None
            else:
                while high / low > 1.0005:
                    middle = math.sqrt(low * high)
                    low, high = (middle, high) if self.lower(goal, middle) >= 0.5 else (low, middle)
                self.medians[goal] = low
        return self.medians[goal]

    def fault(self, goal, bounds):
        """What is wrong with an answer, or None: each bound is one that chance allows, give or take one goal width."""
        lower, upper = bounds
        width = self.space["goals"][goal]["width"]
        if lower is None and upper is None:
            return "none .. none"
        if lower is not None and max(self.lower(goal, lower), self.lower(goal, lower * (1 - width))) < ALLOWED:
            return f"lower bound {lower:.0f} is too high"
        if upper is not None and 1 - min(self.lower(goal, upper), self.lower(goal, upper * (1 + width))) < ALLOWED:
            return f"upper bound {upper:.0f} is too low"
        if lower is not None and upper is not None and (upper - lower) / upper > width * 1.0001:
            return f"{lower:.0f} .. {upper:.0f} is wider than the goal"
        if lower is None and upper > self.space["min_load_pps"] * 1.0001:
            return f"no lower bound, but {upper:.0f} is not min load"
        if upper is None and lower < self.space["line_rate_pps"] * 0.98:
            return f"no upper bound, but {lower:.0f} is not max load"
        return None

    def error(self, goal, bounds):
        """Relative distance of the lower bound from the median; None where one of them is missing."""
        median = self.median(goal)
        return abs(bounds[0] / median - 1) if median and bounds[0] else None


def one_device(task):
    """Both searches on one device with all seeds."""
    binary, preset, kind, device, seeds = task
    server = Server(binary)
    rows = []
    truth = None
    for seed in range(1, seeds + 1):
        # Fractions of the golden ratio spread the phases evenly.
        start = (seed * 0.618033988749895 % 1.0) * 60
        described = f"{device},seed={seed},start={start:.6f}s"
        space = server.ask(device=described, link="25G", preset=preset)
        theirs, reference_seconds = reference(server, space)
        ours = server.ask(search=True)
        truth = truth or Truth(server, space)
        answers = [(goal["lower_bound_pps"], goal["upper_bound_pps"]) for goal in ours["goals"]]
        whys = [goal.get("why") for goal in ours["goals"]]
        for goal, (our, their, why) in enumerate(zip(answers, theirs, whys)):
            fault = truth.fault(goal, our)
            if why == "out-of-time":
                fault = f"out of time with {our}"
            rows.append(
                {
                    "preset": preset, "class": kind, "device": device, "seed": seed, "goal": goal,
                    "ours": our, "reference": their,
                    "fault": fault, "reference_fault": truth.fault(goal, their),
                    "error": truth.error(goal, our), "reference_error": truth.error(goal, their),
                    # Trial time is that of all goals together: it is counted once.
                    "seconds": ours["trial_seconds"] if goal == 0 else 0.0,
                    "reference_seconds": reference_seconds if goal == 0 else 0.0,
                }
            )
    server.process.stdin.close()
    server.process.wait()
    return rows


def ratio(rows):
    return sum(row["seconds"] for row in rows) / sum(row["reference_seconds"] for row in rows)


def percent(values):
    values = [value for value in values if value is not None]
    return f"{statistics.median(values) * 100:6.2f} {max(values) * 100:8.2f}" if values else f"{'-':>6} {'-':>8}"


def line(name, rows):
    ours, theirs = (sum(row[key] for row in rows) for key in ("seconds", "reference_seconds"))
    faults, reference_faults = (sum(1 for row in rows if row[key]) for key in ("fault", "reference_fault"))
    return (
        f"{name:52} {ours:9.0f} {theirs:9.0f} {ours / theirs:6.3f}  {faults:3}/{len(rows):<5} {reference_faults:3}/{len(rows):<5} "
        f"{percent([row['error'] for row in rows])}  {percent([row['reference_error'] for row in rows])}"
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("server", help="the device server's binary")
    arguments.add_argument("--seeds", type=int, default=20, help="seeds for each device (default: 20)")
    arguments.add_argument("--fast", action="store_const", dest="seeds", const=3, help="three seeds for each device")
    arguments.add_argument("--preset", choices=PRESETS, action="append", help="only this preset (may be repeated)")
    arguments.add_argument("--class", dest="kinds", choices=list(CLASSES), action="append", help="only this class (may be repeated)")
    arguments.add_argument("--faults", action="store_true", help="print every answer that is judged wrong")
    arguments.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    options = arguments.parse_args()
    kinds = options.kinds or list(CLASSES)
    presets = options.preset or PRESETS
    tasks = [(options.server, preset, kind, device, options.seeds) for preset in presets for kind in kinds for device in CLASSES[kind]]
    with multiprocessing.Pool(options.jobs) as pool:
        rows = [row for some in pool.imap(one_device, tasks, chunksize=1) for row in some]

    short = []
    for preset in presets:
        print(f"{preset}, {options.seeds} seeds: trial time in seconds, answers that chance does not allow, lower bound against the median (%)")
        print(f"{'':52} {'ours':>9} {'reference':>9} {'ratio':>6}  {'wrong':9} {'ref wrong':9} {'median':>6} {'worst':>8}  {'ref':>6} {'worst':>8}")
        of_preset = defaultdict(list)
        for row in rows:
            if row["preset"] == preset:
                of_preset[row["class"]].append(row)
        for kind in kinds:
            for device in CLASSES[kind]:
                print(line("  " + device, [row for row in of_preset[kind] if row["device"] == device]))
            print(line(kind, of_preset[kind]))
            if kind in JUDGED and ratio(of_preset[kind]) > MAX_RATIO_OF_A_CLASS:
                short.append(f"{preset} {kind}: {ratio(of_preset[kind]):.3f} times the reference's trial time")
            wrong = [row for row in of_preset[kind] if row["fault"]]
            if kind in JUDGED and wrong:
                short.append(f"{preset} {kind}: {len(wrong)} answers that chance does not allow")
            if options.faults:
                for row in wrong:
                    print(f"    {row['device']} seed {row['seed']} goal {row['goal']}: {row['fault']} (ours {row['ours']}, reference {row['reference']})")
        judged = [row for kind in kinds if kind in JUDGED for row in of_preset[kind]]
        if judged:
            print(line("all judged classes", judged))
            if ratio(judged) > MAX_RATIO_OVER_ALL:
                short.append(f"{preset} over all: {ratio(judged):.3f} times the reference's trial time")
        print()
    if short:
        sys.exit("not reached:\n  " + "\n  ".join(short))


if __name__ == "__main__":
    main()
