"""Runs linerate's engines and dpdk-testpmd, or two builds of linerate, by turns on the same port, and prints ratios of medians. Started by
scripts/bench."""

import argparse
import json
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINE, BARE = os.environ["LINERATE_ENGINE"], os.environ["LINERATE_BARE"]
RFC2544 = [64, 128, 256, 512, 1024, 1280, 1518]
CASES = ["null", "flows", "virtio", "sink", "round", "rate"]


class Testpmd:
    """A testpmd that forwards in one mode; its counters are read over DPDK's telemetry socket."""

    def __init__(self, cpu, vdev, arguments, socket_dir):
        self.prefix = f"lrbench{os.getpid()}-{cpu}"
        main = 1 - cpu if cpu in (0, 1) else 0
        command = ["dpdk-testpmd", "--lcores", f"0@{main},1@{cpu}", "--no-pci", "--file-prefix", self.prefix,
                   *memory(), "--vdev", vdev, "--", "--nb-cores=1", "--auto-start", "--no-mlockall",
                   "--total-num-mbufs=32768", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=socket_dir)
        self.socket = self.connect()

    def connect(self):
        path = f"/var/run/dpdk/{self.prefix}/dpdk_telemetry.v2"
        for _ in range(300):
            if self.process.poll() is not None:
                sys.exit(f"testpmd ended: {self.process.stderr.read().decode()[-800:]}")
            try:
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                connection.connect(path)
                connection.recv(16384)
                return connection
            except OSError:
                time.sleep(0.05)
        sys.exit("testpmd opened no telemetry socket")

    def packets(self, key):
        if self.process.poll() is not None:
            sys.exit(f"testpmd ended: {self.process.stderr.read().decode()[-800:]}")
        self.socket.send(b"/ethdev/stats,0")
        return time.clock_gettime(time.CLOCK_MONOTONIC), (json.loads(self.socket.recv(65536))["/ethdev/stats"] or {}).get(key, 0)

    def on_cpu(self):
        """CPU time of the busiest thread, which is the one that polls."""
        times = []
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat") as schedstat:
                times.append(int(schedstat.read().split()[0]) / 1e9)
        return max(times)

    def rate(self, key, seconds, per_cpu=False):
        # The socket is there before the port is, and the port before the link.
        for _ in range(200):
            if self.packets(key)[1] > 0:
                break
            time.sleep(0.1)
        time.sleep(0.3)
        cpu_begin, (begin, before) = self.on_cpu(), self.packets(key)
        time.sleep(seconds)
        cpu_end, (end, after) = self.on_cpu(), self.packets(key)
        return (after - before) / (cpu_end - cpu_begin if per_cpu else end - begin)

    def close(self):
        self.socket.close()
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(f"/var/run/dpdk/{self.prefix}", ignore_errors=True)


def wait_for(path):
    for _ in range(300):
        if os.path.exists(path):
            return
        time.sleep(0.05)
    sys.exit(f"{path} did not appear")


def memory():
    with open("/proc/meminfo") as meminfo:
        free = next(int(line.split()[1]) for line in meminfo if line.startswith("HugePages_Free"))
    return ["--in-memory", "--single-file-segments"] if free >= 256 else ["--no-huge", "--no-shconf", "-m", "512"]


class Engine:
    """One of linerate's engines in a process of its own; `program` is the build of linerate."""

    def __init__(self, role, cpu, port, plan, seconds=None, program=ENGINE):
        job = {"role": role, "port": port, "until": "stdin", "link": 20.0 if role == "send" else None, "plan": {"cpus": [cpu], **plan}}
        if seconds:
            job["plan"]["duration"] = {"secs": int(seconds), "nanos": int(seconds % 1 * 1e9)}
        self.process = subprocess.Popen([program, json.dumps(job)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        if role != "send" and self.process.stderr.readline() != "running\n":
            sys.exit("an engine did not start: " + self.process.stderr.read())

    def report(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("an engine failed: " + self.process.stderr.read())
        return json.loads(line)["report"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


def median_interval(values):
    """The interval that has the median with at least 93 %, from order statistics: for five values, the lowest and the highest."""
    ordered, count = sorted(values), len(values)
    rank = 0
    # Of `count` values, at most `rank` are below the median with this probability (binomial, 1/2).
    while 2 * sum(math.comb(count, below) for below in range(rank + 2)) / 2 ** count <= 0.07:
        rank += 1
    return ordered[rank], ordered[count - 1 - rank]


def is_narrow(ratios):
    """Whether the interval of the median is within 5 % of it."""
    low, high = median_interval(ratios)
    return high - low <= 0.05 * statistics.median(ratios)


class Bench:
    def __init__(self, options):
        self.seconds, self.rounds, self.most_rounds = options.seconds, options.rounds, options.most_rounds
        self.per_cpu = options.per_cpu
        self.directory = tempfile.TemporaryDirectory()

    # Each of these gives frames per second, once.
    def null_linerate(self, flows, program=ENGINE):
        engine = Engine("send", 1, "net_null0,size=64,copy=0", {"flows": flows}, self.seconds, program)
        report = engine.report()
        engine.close()
        counters = report["counters"]
        assert counters["after"]["tx_packets"] - counters["before"]["tx_packets"] == report["frames_sent"]
        return report["frames_sent"] / report["cycles"]["on_cpu_s"] if self.per_cpu else report["rate_pps"]

    def null_testpmd(self):
        testpmd = Testpmd(1, "net_null0,size=64,copy=0", ["--forward-mode=txonly", "--txpkts=60"], self.directory.name)
        try:
            return testpmd.rate("opackets", self.seconds, self.per_cpu)
        finally:
            testpmd.close()

    def null_bare(self):
        command = [BARE, str(self.seconds), "bare", "--lcores", "0@1", "--no-pci", "--no-telemetry", *memory(),
                   "--vdev", "net_null0,size=64,copy=0"]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1 if self.per_cpu else -2])

    def virtio_linerate(self, size, program=ENGINE, by_sender=False):
        path = os.path.join(self.directory.name, "lr.sock")
        sink = Engine("receive", 0, f"net_vhost0,iface={path}", {"size": size}, program=program)
        sender = Engine("send", 1, f"net_virtio_user0,path={path}", {"traffic": {"test": size}}, self.seconds, program)
        sent = sender.report()
        sink.process.stdin.close()
        received = sink.report()
        sender.close()
        sink.process.wait(20)
        assert received["frames_received"] == sent["frames_sent"] and received["lost"] == 0, (received, sent)
        return (sent if by_sender else received)["rate_pps"]

    def virtio_testpmd(self, size):
        path = os.path.join(self.directory.name, "tp.sock")
        sink = Testpmd(0, f"net_vhost0,iface={path}", ["--forward-mode=rxonly"], self.directory.name)
        wait_for(path)
        sender = Testpmd(1, f"net_virtio_user0,path={path}", ["--forward-mode=txonly", f"--txpkts={size - 4}"], self.directory.name)
        try:
            return sink.rate("ipackets", self.seconds)
        finally:
            sender.close()
            sink.close()

    def virtio_rxonly(self, size):
        """linerate's generator with testpmd's rxonly, which reads no frame: the receivers alone differ."""
        path = os.path.join(self.directory.name, "tp.sock")
        sink = Testpmd(0, f"net_vhost0,iface={path}", ["--forward-mode=rxonly"], self.directory.name)
        wait_for(path)
        try:
            sender = Engine("send", 1, f"net_virtio_user0,path={path}", {"traffic": {"test": size}}, self.seconds)
            sent = sender.report()
            sender.close()
            return sent["rate_pps"]
        finally:
            sink.close()

    def round_linerate(self, turning="test-frames", program=ENGINE):
        path = os.path.join(self.directory.name, "lr.sock")
        far = Engine("reflect", 0, f"net_vhost0,iface={path}", {"turning": turning}, program=program)
        near = Engine("send", 1, f"net_virtio_user0,path={path}", {"rtt": True}, self.seconds, program)
        sent = near.report()
        near.close()
        far.close()
        return sent["returned"]["received"] / sent["duration_s"]

    def round_testpmd(self):
        path = os.path.join(self.directory.name, "tp.sock")
        far = Testpmd(0, f"net_vhost0,iface={path}", ["--forward-mode=macswap"], self.directory.name)
        wait_for(path)
        near = Testpmd(1, f"net_virtio_user0,path={path}", ["--forward-mode=flowgen", "--txpkts=60"], self.directory.name)
        try:
            return near.rate("ipackets", self.seconds)
        finally:
            near.close()
            far.close()

    def round_mixed(self):
        """linerate's generator, which verifies every frame, through testpmd's reflector: the reflectors alone differ."""
        path = os.path.join(self.directory.name, "tp.sock")
        far = Testpmd(0, f"net_vhost0,iface={path}", ["--forward-mode=macswap"], self.directory.name)
        wait_for(path)
        try:
            near = Engine("send", 1, f"net_virtio_user0,path={path}", {"rtt": True}, self.seconds)
            sent = near.report()
            near.close()
            return sent["returned"]["received"] / sent["duration_s"]
        finally:
            far.close()

    def rate(self, pps):
        """How far the mean rate is from the intended one, in ppm, by an observer on another CPU and CLOCK_MONOTONIC_RAW; and the gaps."""
        job = {"role": "send", "port": "net_null0,size=64,copy=0", "observe": self.seconds, "until": "stdin",
               "eal": {"main_cpu": 0}, "plan": {"cpus": [1], "pace": {"rate": pps}, "duration": {"secs": int(self.seconds) + 1, "nanos": 0}}}
        process = subprocess.Popen(["taskset", "-c", "0,1", ENGINE, json.dumps(job)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        first, last = json.loads(process.stdout.readline())
        report = json.loads(process.stdout.readline())["report"]
        process.stdin.close()
        process.wait(20)
        # When frame 0 was due as each group has it: the soonest, for an observer is only ever late.
        origin = [min(raw - count / pps * 1e9 for raw, count in group) for group in (first, last)]
        span = last[-1][0] - first[0][0]
        return -(origin[1] - origin[0]) / span * 1e6, report

    def rates(self, rates):
        for pps in rates:
            found = [self.rate(pps) for _ in range(self.rounds)]
            errors, gaps = [error for error, _ in found], [report["gaps"] for _, report in found]
            share = sum(gap["off_by_1us"] for gap in gaps) / sum(gap["count"] for gap in gaps)
            explained = sum(gap["off_explained"] for gap in gaps) / max(1, sum(gap["off_by_1us"] for gap in gaps))
            skipped = sum(report["frames_skipped"] for _, report in found)
            print(f"rate {pps:>12,.0f} pps   {statistics.median(errors):+7.2f} ppm [{min(errors):+.2f} {max(errors):+.2f}]   "
                  f"gaps more than 1 us off: {share:.4%}, of which after a turn longer than 1 us: {explained:.1%}; "
                  f"{skipped} frames skipped, where the loop was interrupted for longer than it may catch up", flush=True)

    def compare(self, name, programs):
        """Every program once a round, in an order that turns; ratios are of the same round. Rounds are added until the interval of every median
        ratio is narrow, or there are too many."""
        rates = {program: [] for program in programs}
        others = [program for program in programs if program != "linerate"]
        ratios = {program: [] for program in others}
        turn = 0
        while turn < self.rounds or turn < self.most_rounds and not all(is_narrow(of_one) for of_one in ratios.values()):
            order = list(programs)
            order = order[turn % len(order):] + order[:turn % len(order)]
            for program in order:
                rates[program].append(programs[program]() / 1e6)
            for program in others:
                ratios[program].append(rates["linerate"][-1] / rates[program][-1])
            turn += 1
        for program, theirs in rates.items():
            line = f"{name:<22} {program:<16} {statistics.median(theirs):8.2f} Mpps [{min(theirs):.2f}-{max(theirs):.2f}]"
            if program != "linerate":
                low, high = median_interval(ratios[program])
                line += f"   linerate/{program} = {statistics.median(ratios[program]):.2f} [{low:.2f}-{high:.2f}], {turn} rounds"
                if not is_narrow(ratios[program]):
                    line += "; this machine is too noisy to settle it"
            print(line, flush=True)


def compare_with_peers(bench, cases, sizes):
    if "null" in cases:
        bench.compare("net_null, 1 flow", {"linerate": lambda: bench.null_linerate(1), "txonly": bench.null_testpmd, "bare": bench.null_bare})
    if "flows" in cases:
        for flows in (1000, 1_000_000):
            bench.compare(f"net_null, {flows} flows", {"linerate": lambda: bench.null_linerate(flows), "one flow": lambda: bench.null_linerate(1)})
    if "virtio" in cases:
        for size in sizes:
            pair = {"linerate": lambda: bench.virtio_linerate(size), "txonly-rxonly": lambda: bench.virtio_testpmd(size)}
            bench.compare(f"virtio-vhost, {size} B", pair)
    if "sink" in cases:
        for size in sizes:
            receivers = {"linerate": lambda: bench.virtio_linerate(size, by_sender=True), "linerate-rxonly": lambda: bench.virtio_rxonly(size)}
            bench.compare(f"sink or rxonly, {size} B", receivers)
    if "round" in cases:
        swapping = {"linerate": lambda: bench.round_linerate("addresses"), "linerate-macswap": bench.round_mixed}
        bench.compare("addresses swapped", swapping)
        programs = {"linerate": bench.round_linerate, "linerate-macswap": bench.round_mixed, "flowgen-macswap": bench.round_testpmd}
        bench.compare("round trip", programs)
    if "rate" in cases:
        bench.rates([1e3, 1e4, 1e5, 1e6, 1e7])


def compare_builds(bench, cases, sizes, other):
    """The same measurement with both builds; each process of it is of one build."""
    def compare(name, measure):
        bench.compare(name, {"linerate": lambda: measure(ENGINE), "other build": lambda: measure(other)})

    if "null" in cases:
        compare("net_null, 1 flow", lambda program: bench.null_linerate(1, program))
    if "flows" in cases:
        for flows in (1000, 1_000_000):
            compare(f"net_null, {flows} flows", lambda program: bench.null_linerate(flows, program))
    if "virtio" in cases:
        for size in sizes:
            compare(f"virtio-vhost, {size} B", lambda program: bench.virtio_linerate(size, program))
    if "round" in cases:
        compare("addresses swapped", lambda program: bench.round_linerate("addresses", program))
        compare("round trip", lambda program: bench.round_linerate(program=program))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="linerate's engines beside dpdk-testpmd, or beside another build, by turns, on the same software port")
    parser.add_argument("cases", nargs="*", default=[], metavar="CASE", help=", ".join(CASES) + "; all where none is given (with --against, all but sink and rate)")
    parser.add_argument("--against", metavar="ENGINE",
                        help="compare with another build of the program `engine` (cargo build --release -p dataplane --bin engine), not with dpdk-testpmd")
    parser.add_argument("--rounds", type=int, default=5, help="the fewest rounds of a comparison")
    parser.add_argument("--most-rounds", type=int, default=15, help="rounds after which a comparison ends although its interval is still wide")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--sizes", type=int, nargs="+", default=RFC2544, help="frame sizes of the cases virtio and sink")
    parser.add_argument("--per-cpu", action="store_true",
                        help="null and flows in packets per second on the CPU, which a busy machine disturbs less")
    options = parser.parse_args()
    unknown = [case for case in options.cases if case not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; use {', '.join(CASES)}")
    if options.against and any(case in options.cases for case in ("sink", "rate")):
        parser.error("sink compares with testpmd and rate with a clock, not with another build: leave out --against")
    if options.against and not os.access(options.against, os.X_OK):
        parser.error(f"--against {options.against}: no such program")
    with_peers_only = ("sink", "rate")
    bench, cases = Bench(options), options.cases or [case for case in CASES if not options.against or case not in with_peers_only]
    print(f"{options.rounds} to {max(options.rounds, options.most_rounds)} rounds of {options.seconds} s, 64-byte frames unless named, memory: {' '.join(memory())}")
    if options.against:
        compare_builds(bench, cases, options.sizes, os.path.realpath(options.against))
    else:
        compare_with_peers(bench, cases, options.sizes)


if __name__ == "__main__":
    main()
