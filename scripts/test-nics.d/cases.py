"""Runs in the guest: binds each card to vfio-pci, runs linerate on its two ports, and writes the table of cards and cases.

A case passes if the counts are exact: every frame that was sent was received once, with the bytes of its size, and QEMU's capture of the
wire has the same frames. Emulation is slow, so offered loads are some hundred frames a second, and no speed is judged.
"""

import json
import os
import subprocess
import time
from pathlib import Path

from machine import LINERATE, PCI, SHARE, Role, bind, devices, host, log, read, refused, wire_since

# PCI ids of the cards that QEMU emulates, their DPDK and kernel drivers, queue counts to try (the card's maximum is the last), jumbo sizes,
# sizes above the card's own limit (frames have at most 16,000 bytes, which the other cards accept), and whether a card's link can be taken
# down by itself (a virtual function has the link of its card).
CARDS = {
    "igb": {"id": ("0x8086", "0x10c9"), "driver": "net_e1000_igb", "kernel": "igb", "queues": [1, 2, 4, 8],
            "jumbo": [9018, 9600], "too large": [], "link": True},
    "igbvf": {"id": ("0x8086", "0x10ca"), "driver": "net_e1000_igb_vf", "kernel": "igbvf", "queues": [1, 2],
              "jumbo": [], "too large": [], "link": False},
    "e1000e": {"id": ("0x8086", "0x10d3"), "driver": "net_e1000_em", "kernel": "e1000e", "queues": [1],
               "jumbo": [9018], "too large": [9600], "link": True},
    # QEMU's vmxnet3 delivers every frame to queue 0 (hw/net/vmxnet3.c, RXQ_IDX).
    "vmxnet3": {"id": ("0x15ad", "0x07b0"), "driver": "net_vmxnet3", "kernel": "vmxnet3", "queues": [1, 2, 4], "spreads": False,
                "jumbo": [9018], "too large": [], "link": True},
    # A transitional function has the first id, a modern one the second.
    "virtio": {"id": ("0x1af4", "0x1000", "0x1041"), "driver": "net_virtio", "kernel": "virtio-pci", "queues": [1],
               "jumbo": [9018], "too large": [16000], "link": True},
}

rows = []


class Pair:
    """The two ports of a card, and what the host calls the first."""

    def __init__(self, card, tx, rx, host_id):
        self.card, self.tx, self.rx, self.host_id = card, tx, rx, host_id

    def record(self, queues, case, wrong, detail=""):
        rows.append((self.card, CARDS[self.card]["driver"], str(queues), case, "FAILED" if wrong else "ok", wrong or detail))
        log(f"== {self.card} {case} queues {queues}: {'FAILED ' + wrong if wrong else 'ok'} {detail}")

    def both(self, role, send, receive, settle=4.0):
        """Both ends once: the receiving role first, then the sender; gives both reports and what the wire carried."""
        before = host(wire=self.host_id)
        far = Role(role, self.rx, *receive)
        far.wait_ready()
        time.sleep(settle)
        near = Role("send", self.tx, "--dst-mac", far.address, *send).finish()
        time.sleep(1.5)
        far.stop()
        return near, far.finish(60), wire_since(self.host_id, before)

    def one_way(self, case, frames, send, receive=(), queues=1, size=None):
        sent, received, wire = self.both("receive", ["--frames", frames, *send], ["--queues", queues, *receive])
        wrong = exact(sent, received, frames, size) or on_the_wire(sent, wire, size, self.card, received["address"])
        wrong = wrong or per_queue(received, queues, CARDS[self.card].get("spreads", True))
        self.record(queues, case, wrong, f"{sent.get('frames_sent')} of {frames} frames sent")

    def round_trips(self, queues, reflector_queues, flows):
        send = ["--rtt", "--frames", 400, "--rate", "200pps", "--queues", queues, "--flows", flows]
        sent, reflected, _ = self.both("reflect", send, ["--queues", reflector_queues])
        returned = sent.get("returned") or {}
        offered, timed = sent.get("frames_sent"), (sent.get("rtt_ns") or {}).get("count")
        counts = {"reflected": reflected.get("frames_received"), "sent back": reflected.get("frames_sent"), "timed": timed,
                  "returned": returned.get("received")}
        wrong = [f"{count} of {offered} frames {what}" for what, count in counts.items() if not offered or count != offered]
        if returned.get("lost") or returned.get("in_flight") or returned.get("duplicate") or sent["shown_lost"]:
            wrong.append(f"{returned}, live line at most {sent['shown_lost']} lost")
        self.record(f"{queues}/{reflector_queues}", f"round trips, {flows} flows", "; ".join(wrong), f"{timed} round trips")


def exact(sent, received, frames, size=None):
    """What is wrong with the counts; empty where nothing is."""
    offered = sent.get("frames_sent") or 0
    # A slow emulated card leaves frames unsent; each frame must still be one or the other.
    if offered == 0 or offered + (sent.get("frames_unsent") or 0) != frames:
        return f"{offered} frames sent and {sent.get('frames_unsent')} unsent of {frames}"
    for key, expected in (("frames_received", offered), ("lost", 0), ("duplicate", 0), ("corrupt", 0), ("shown_lost", 0)):
        if received.get(key) != expected:
            return f"{key} is {received.get(key)} instead of {expected}"
    counted = received.get("bytes_received")
    if size and counted is not None and counted != offered * size:
        return f"{counted} bytes were counted for {offered} frames of {size}"
    return ""


def on_the_wire(sent, wire, size, card, address):
    """What QEMU's capture of the sender's wire has otherwise. A virtual function's wire carries its card's own frames too."""
    offered = sent.get("frames_sent")
    if card != "igbvf" and wire["frames"] != offered:
        return f"the wire carried {wire['frames']} frames of {offered}: {wire}"
    if wire["destinations"].get(address) != offered:
        return f"the wire carried frames to {wire['destinations']} instead of {offered} to {address}"
    if size and wire["sizes"].get(str(size)) != offered:
        return f"the wire carried other sizes than {size}: {wire['sizes']}"
    return ""


def per_queue(received, queues, spreads):
    """Every queue's frames add up to the port's, and flows reach every queue of a card that spreads them."""
    each = [queue.get("frames_received") or 0 for queue in received.get("queues") or []]
    if queues == 1 or not each:
        return "" if queues == 1 else "the report has no counts for each queue"
    if len(each) != queues or sum(each) != received.get("frames_received") or (spreads and min(each) == 0):
        return f"{each} frames on {queues} queues"
    return ""


def exact_counts(pair):
    pair.one_way("64 B, 1 kpps", 1000, ["--size", 64, "--rate", "1kpps"], size=64)
    pair.one_way("IMIX, 500 pps", 480, ["--size", "imix", "--rate", "500pps"])
    pair.one_way("VLAN 100, 512 B", 300, ["--size", 512, "--rate", "500pps", "--vlan", 100], ["--vlan", 100], size=512)
    for size in CARDS[pair.card]["jumbo"]:
        pair.one_way(f"jumbo, {size} B", 200, ["--size", size, "--rate", "200pps"], ["--max-size", size], size=size)
    for queues in CARDS[pair.card]["queues"][1:]:
        pair.one_way("1,000 flows", 1000, ["--size", 64, "--rate", "500pps", "--flows", 1000], queues=queues, size=64)


def round_trips(pair):
    for queues in CARDS[pair.card]["queues"]:
        # One poll loop has one CPU: with eight loops at the sender, the reflector has one.
        pair.round_trips(queues, queues if queues < 8 else 1, 1000 if queues > 1 else 1)


def rate_by_speed(pair):
    sent, received, _ = pair.both("receive", ["--size", 1518, "--rate", "0.1%", "--duration", "2s"], [])
    frames = sent.get("frames_sent")
    wrong = "" if frames and frames == received.get("frames_received") else f"{frames} sent, {received.get('frames_received')} received"
    pair.record(1, "rate as a share of the link's speed", wrong, f"{frames} frames")


def links(pair):
    """A link that comes 3 s after the port was opened, and one that goes down during a run."""
    host(link=pair.host_id, up=False)
    far = Role("receive", pair.rx)
    far.wait_ready()
    near = Role("send", pair.tx, "--dst-mac", far.address, "--size", 1518, "--rate", "0.1%", "--duration", "2s", "--wait", "60s")
    time.sleep(8)
    host(link=pair.host_id, up=True)
    sent = near.finish()
    time.sleep(1.5)
    far.stop()
    received = far.finish(60)
    frames = sent.get("frames_sent")
    wrong = "" if frames and frames == received.get("frames_received") else f"{frames} sent, {received.get('frames_received')} received"
    pair.record(1, "link up after the start, 0.1 %", wrong, f"{frames} frames")

    far = Role("receive", pair.rx)
    far.wait_ready()
    near = Role("send", pair.tx, "--dst-mac", far.address, "--rate", "100pps", "--frames", 3000)
    near.wait_ready()
    time.sleep(5)
    host(link=pair.host_id, up=False)
    sent = near.finish()
    far.stop()
    received = far.finish(60)
    host(link=pair.host_id, up=True)
    frames, came = sent.get("frames_sent") or 0, received.get("frames_received") or 0
    wrong = "" if 0 < frames < 3000 and sent["exit"] == 1 and came <= frames else f"exit {sent['exit']}, {frames} sent, {came} received"
    pair.record(1, "link down during a run", wrong, f"ended after {frames} frames")
    pair.one_way("after the link came back", 200, ["--size", 64, "--rate", "500pps"], size=64)


def refusals(pair):
    """Bad input: one line each, which says this."""
    kernel = CARDS[pair.card]["kernel"]
    for case, arguments, says in (
        ("more queues than the port has", ["receive", "--port", pair.tx, "--queues", 200], "queues"),
        ("a representor that does not exist", ["receive", "--port", f"{pair.tx},representor=vf77"], "representor"),
        *[("a frame above the port's limit", ["receive", "--port", pair.tx, "--max-size", size], str(size))
          for size in CARDS[pair.card]["too large"]],
    ):
        status, lines = refused(*arguments)
        pair.record("-", case, "" if status and len(lines) == 1 and says in lines[0] else f"exit {status}: {lines}", lines[0][:120] if lines else "")
    holder = Role("receive", pair.tx)
    holder.wait_ready()
    status, lines = refused("receive", "--port", pair.tx)
    holder.stop()
    holder.finish(60)
    pair.record("-", "a port in use by another process", "" if status and len(lines) == 1 else f"exit {status}: {lines}", lines[0][:120] if lines else "")
    if (Path("/sys/bus/pci/drivers") / kernel).exists() or subprocess.run(["modprobe", kernel], check=False).returncode == 0:
        bind(pair.tx, kernel)
        status, lines = refused("receive", "--port", pair.tx)
        bind(pair.tx, "vfio-pci")
        wrong = "" if status and len(lines) == 1 and "vfio-pci" in lines[0] and kernel in lines[0] else f"exit {status}: {lines}"
        pair.record("-", "a port with the kernel's driver", wrong, lines[0][:120] if lines else "")


PLAN = """
name = "cards"
pairs = ["near:far", "far:near"]
sizes = [64]

[[measure]]
stack = "dpdk"
method = "round-trip"
rate = "100pps"
duration = "2s"

[[measure]]
stack = "dpdk"
method = "mrr"
preset = "quick"
duration = "500ms"
queues = {queues}
flows = 1000
"""


def whole_run(pair):
    """`linerate run` over both ports. Under emulation poll loops are interrupted, which makes records invalid; no other reason may."""
    queues = CARDS[pair.card]["queues"][:2]
    folder = Path("/tmp") / f"run-{pair.card}"
    folder.mkdir()
    (folder / "plan.toml").write_text(PLAN.format(queues=queues))
    endpoint = '[[endpoint]]\nid = "{}"\nreach = "local"\nport = "{}"\ncpu = {}\n'
    testbed = 'name = "cards"\n' + endpoint.format("near", pair.tx, [2, 3]) + endpoint.format("far", pair.rx, [4, 5])
    (folder / "testbed.toml").write_text(testbed)
    command = [LINERATE, "run", "--plan", folder / "plan.toml", "--testbed", folder / "testbed.toml", "--out", folder / "run", "--json"]
    before = host(wire=pair.host_id)
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600)
    wire = wire_since(pair.host_id, before)
    log(ran.stdout[-3000:] + ran.stderr[-3000:])
    lines = (folder / "run" / "results.jsonl").read_text().splitlines() if (folder / "run" / "results.jsonl").exists() else []
    records = [json.loads(line) for line in lines]
    reasons = {reason.split(":")[0] for record in records for reason in record["verdict"].get("reasons", [])}
    expected = 2 * (1 + len(queues))
    wrong = ""
    if len(records) != expected or any(record["verdict"]["state"] == "failed" for record in records):
        wrong = f"{len(records)} of {expected} records; {[record['verdict'] for record in records]}"[:300]
    elif reasons & {"counters-disagree", "wrong-frame-size", "more-than-sent", "several-senders", "duplicates"}:
        wrong = f"reasons {sorted(reasons)}"
    elif len(wire["destinations"]) != 2:
        wrong = f"frames went to {wire['destinations']} instead of to the two ports"
    states = [record["verdict"]["state"] for record in records]
    pair.record(queues, "linerate run", wrong, f"{len(records)} records, {states.count('valid')} valid; to {', '.join(wire['destinations'])}")


def tuning(pair):
    """`linerate tune --scaling` with more than two queues: every poll loop has a CPU of its own, and every frame is counted."""
    queues = [count for count in CARDS[pair.card]["queues"] if count <= 4]
    cpus = {"near": [2, 3, 4, 5], "far": [6, 7, 8, 9]}
    folder = Path("/tmp") / f"tune-{pair.card}"
    folder.mkdir()
    endpoint = '[[endpoint]]\nid = "{}"\nreach = "local"\nport = "{}"\ncpu = {}\n'
    testbed = 'name = "cards"\n' + endpoint.format("near", pair.tx, cpus["near"]) + endpoint.format("far", pair.rx, cpus["far"])
    (folder / "testbed.toml").write_text(testbed)
    asked = ["--knob", "queues=" + ",".join(map(str, queues)), "--trials", 3 * len(queues), "--trial", "500ms", "--pair", "near:far"]
    # Emulated processors are interrupted all the time.
    command = [LINERATE, "tune", "--scaling", "--accept-disturbed", "--force", "--json", *map(str, asked),
               "--testbed", folder / "testbed.toml", "--out", folder / "run"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600)
    log(ran.stdout[-3000:] + ran.stderr[-3000:])
    results = folder / "run" / "results.jsonl"
    records = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    wrong = [] if ran.returncode == 0 or all_were_interrupted(ran) else [f"exit {ran.returncode}: {ran.stdout[-500:]} {ran.stderr[-200:]}"]
    if len(records) != 3 * len(queues):
        wrong.append(f"{len(records)} records of {3 * len(queues)}")
    ran_on = {}
    for record in records:
        wrong += loops_of(record, cpus, CARDS[pair.card].get("spreads", True), ran_on)
    if sorted(ran_on) != queues:
        wrong.append(f"measured with {sorted(ran_on)} queues instead of {queues}")
    pair.record("/".join(map(str, queues)), "linerate tune --scaling", "; ".join(wrong)[:1000],
                "; ".join(f"{count} queues on CPUs {' '.join(map(str, ran_on[count]))}" for count in sorted(ran_on)))


def all_were_interrupted(ran):
    """Whether no setting has a rate because the emulated processors were interrupted in every trial. What is judged here are CPUs and counts."""
    try:
        found = json.loads(ran.stdout)
    except json.JSONDecodeError:
        return False
    without = found.get("no_valid_trial") or []
    return ran.returncode == 1 and found.get("complete") and not found.get("points") and bool(without) \
        and all(setting["why"].startswith("hiccup:") for setting in without)


def loops_of(record, cpus, spreads, ran_on):
    """What is wrong with the loops and the counts of a record; notes on which CPUs its loops ran, by the number of queues."""
    values, cpu = record["values"], record.get("cpu") or {}
    loops = {end: (cpu.get(role) or {}).get("by_queue") or [] for end, role in (("near", "sender"), ("far", "receiver"))}
    count = len(loops["near"])
    if not count or len(loops["far"]) != count:
        return [f"{record['id']}: {count} loops at the sender, {len(loops['far'])} at the receiver: {record['verdict']}"]
    wrong = []
    for end, key, total in (("near", "frames_sent", "frames_sent"), ("far", "frames_received", "frames_received")):
        cores = [loop["core"] for loop in loops[end]]
        if len(set(cores)) != count or not set(cores) <= set(cpus[end]):
            wrong.append(f"{record['id']}: the loops of {end} ran on CPUs {cores}")
        frames = [loop[key] for loop in loops[end]]
        # A queue counts every frame that it delivered. QEMU holds frames back while a ring is full, and delivers the next ones before them: they
        # come later than the sequence window remembers, or in the next trial, as foreign frames. Many foreign frames, or one such late one,
        # make the record invalid.
        loss = values.get("loss") or {}
        late = loss.get("foreign", 0) + loss.get("window_exceeded", 0) if end == "far" else 0
        if sum(frames) != values[total] + late or (min(frames) == 0 and (end == "near" or spreads)):
            counts = {key: value for key, value in loss.items() if value}
            wrong.append(f"{record['id']}: {frames} frames on the queues of {end}, {values[total]} in all, {counts}, {record['verdict']['reasons']}")
        ran_on.setdefault(count, []).extend(core for core in cores if core not in ran_on[count])
    # Lost by sequence are all that did not arrive; the other domains say where some of them were dropped.
    if values["frames_received"] + values["loss"]["lost"] != values["frames_sent"]:
        wrong.append(f"{record['id']}: {values['frames_sent']} sent, {values['frames_received']} received, {values['loss']}")
    if values["loss"]["duplicate"] or values["loss"]["corrupt"]:
        wrong.append(f"{record['id']}: {values['loss']}")
    return wrong


def unplug(pair):
    """The card is unplugged during a run: the kernel waits until the port is closed, and then it is gone."""
    receiver = Role("receive", pair.rx)
    receiver.wait_ready()
    sender = Role("send", pair.tx, "--dst-mac", receiver.address, "--rate", "100pps", "--frames", 800)
    sender.wait_ready()
    host(unplug=pair.host_id)
    sent = sender.finish()
    receiver.stop()
    received = receiver.finish(60)
    end = time.time() + 30
    while (PCI / pair.tx).exists() and time.time() < end:
        time.sleep(0.5)
    gone = not (PCI / pair.tx).exists()
    status, lines = refused("receive", "--port", pair.tx)
    frames, came = sent.get("frames_sent"), received.get("frames_received")
    if not gone:
        pair.record("-", "unplugged during a run", "", "left out: QEMU or the guest's kernel kept the card")
    else:
        wrong = "" if frames and came is not None and came <= frames and status and len(lines) == 1 else f"{frames} sent, {came} received; then {lines}"
        pair.record("-", "unplugged during a run", wrong, f"{came} of {frames} frames; then: {lines[0][:80] if lines else ''}")


def virtual_functions():
    """One VF of each igb card: the PFs stay with the kernel's driver, which passes frames between them and the wire."""
    subprocess.run(["modprobe", "igb"], check=False)
    functions = []
    for address in devices(*CARDS["igb"]["id"]):
        bind(address, "igb")
        (PCI / address / "sriov_numvfs").write_text("1")
        for net in (PCI / address / "net").iterdir():
            subprocess.run(["ip", "link", "set", net.name, "up"], check=False)
        functions.append((PCI / address / "virtfn0").resolve().name)
    time.sleep(3)
    return functions


def measure(card, host_id):
    ports = virtual_functions() if card == "igbvf" else devices(*CARDS[card]["id"])
    pair = Pair(card, *(ports + ["", ""])[:2], host_id)
    if len(ports) < 2:
        return pair.record("-", "two ports", f"{len(ports)} ports found")
    for address in ports[:2]:
        bind(address, "vfio-pci")
    chosen = read(SHARE / "chosen").split()
    for cases in (exact_counts, round_trips, rate_by_speed, links, refusals, whole_run, tuning, unplug):
        if chosen and cases.__name__ not in chosen:
            continue
        if cases in (links, unplug) and not CARDS[card]["link"]:
            continue
        # The cards of virtual functions are needed after igb's own cases.
        if cases is unplug and card == "igb" and "igbvf" in read(SHARE / "cards"):
            continue
        try:
            cases(pair)
        except Exception as error:  # a case that fails must not hide the others
            pair.record("-", cases.__name__, f"{type(error).__name__}: {error}")
        for role in list(Role.running):
            role.finish(0)


def main():
    for line in read(SHARE / "cards").splitlines():
        measure(*line.split())
    heads = ("card", "driver", "queues", "case", "result", "detail")
    widths = [max(len(row[column]) for row in [*rows, heads]) for column in range(5)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)) + "  " + row[5] for row in [heads, *rows]]
    failed = sum(row[4] != "ok" for row in rows)
    lines.append(f"{len(rows) - failed} passed, {failed} failed")
    (SHARE / "table").write_text("\n".join(lines) + "\n")


main()
