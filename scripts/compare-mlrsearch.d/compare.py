"""Both searches on the same simulated devices: trial time of ours over that of the reference (MLRsearch on PyPI)."""

import json
import subprocess
import sys

from MLRsearch import AbstractMeasurer, Config, MeasurementResult, MultipleLossRatioSearch, SearchGoal

# 64-byte frames on 25G. What a device needs to be found out, one a line.
DEVICES = [
    "capacity=1Mpps",
    "capacity=3.3Mpps",
    "capacity=10Mpps",
    "capacity=17.77Mpps",
    "capacity=30Mpps",
    "capacity=37Mpps",
    "capacity=37.1Mpps",
    "capacity=100Mpps",
    "capacity=50kpps",
    "capacity=10Mpps,buffer=1000",
    "capacity=10Mpps,buffer=100000",
    "capacity=5Mpps,buffer=16",
    "capacity=12Mpps,ppm=-100",
    "ppm=-100",
    "capacity=10Mpps,loss=0.0000001%",
    "capacity=10Mpps,loss=0.1%",
    "capacity=10Mpps,loss=1%",
    "capacity=10Mpps,buffer=1000,stall=1ms/100ms",
    "capacity=10Mpps,buffer=4096,stall=5ms/30s",
    "capacity=10Mpps,band=4Mpps-5Mpps:1%",
    "capacity=16Mpps,livelock=20Mpps:600kpps",
    "capacity=8Mpps,livelock=9Mpps:4Mpps",
    "capacity=10Mpps,dead=reverse",
    "capacity=10Mpps,directions=2",
    "capacity=10Mpps,dup=1%,reorder=1%",
]


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
        self.server, self.seconds, self.trials = server, 0.0, 0

    def measure(self, intended_duration, intended_load):
        self.seconds += intended_duration
        self.trials += 1
        answer = self.server.ask(load_pps=intended_load, duration_s=intended_duration)
        return MeasurementResult(
            intended_duration=intended_duration,
            intended_load=intended_load,
            intended_count=answer["intended"],
            offered_count=answer["sent"],
            forwarding_count=answer["received"],
        )


def reference(server, line_rate):
    config = Config()
    # fail_fast off: the default gives up PDR where NDR has no lower bound.
    goal = dict(relative_width=0.005, initial_trial_duration=1.0, final_trial_duration=1.0, duration_sum=21.0, exceed_ratio=0.5, fail_fast=False)
    config.goals = [SearchGoal(loss_ratio=0.0, **goal), SearchGoal(loss_ratio=0.005, **goal)]
    config.max_load, config.min_load = line_rate, 9001.0
    measurer = Measurer(server)
    found = MultipleLossRatioSearch(config=config).search(measurer, debug=lambda text: None)
    bounds = []
    for result in found.values():
        lower, upper = result.relevant_lower_bound, result.relevant_upper_bound
        bounds.append((float(lower) if lower else None, float(upper) if upper else None))
    return bounds, measurer


def shown(bounds):
    lower, upper = bounds
    return f"{lower:.0f}" if lower and upper else f">={lower:.0f}" if lower else "none"


def main():
    server = Server(sys.argv[1])
    total_ours = total_reference = 0.0
    print(f"{'device':48} {'ours s':>7} {'ref s':>7} {'ratio':>6}  NDR ours/ref, PDR ours/ref")
    for device in DEVICES:
        line_rate = server.ask(device=device, link="25G")["line_rate_pps"]
        theirs, measurer = reference(server, line_rate)
        server.ask(device=device, link="25G")
        ours = server.ask(search=True)
        seconds = ours["trial_seconds"]
        goals = [(goal["lower_bound_pps"], goal["upper_bound_pps"]) for goal in ours["goals"]]
        total_ours += seconds
        total_reference += measurer.seconds
        found = ", ".join(f"{shown(our)}/{shown(their)}" for our, their in zip(goals, theirs))
        print(f"{device:48} {seconds:7.0f} {measurer.seconds:7.0f} {seconds / measurer.seconds:6.3f}  {found}")
    ratio = total_ours / total_reference
    print(f"{'total of ' + str(len(DEVICES)) + ' devices':48} {total_ours:7.0f} {total_reference:7.0f} {ratio:6.3f}")
    if ratio > 1.0:
        sys.exit("our search needs more trial time than the reference")


if __name__ == "__main__":
    main()
