"""Runs in the guest: binds each card to vfio-pci, runs linerate on its two ports, and writes the table of cards and cases.

A case passes if the counts are exact: every frame that was sent was received once, with the bytes of its size. Emulation is slow, so
offered loads are a few hundred to a few thousand frames a second, and no speed is judged.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SHARE = Path("/share")
LINERATE = str(SHARE / "linerate")
PCI = Path("/sys/bus/pci/devices")

# PCI ids of the cards that QEMU emulates; the DPDK driver of each; receive queues to try (the card's maximum is the last).
CARDS = {
    "igb": {"id": ("0x8086", "0x10c9"), "driver": "net_e1000_igb", "queues": [1, 2, 4, 8], "jumbo": [9018]},
    "igbvf": {"id": ("0x8086", "0x10ca"), "driver": "net_e1000_igb_vf", "queues": [1, 2], "jumbo": []},
    "e1000e": {"id": ("0x8086", "0x10d3"), "driver": "net_e1000_em", "queues": [1], "jumbo": [9018]},
    "vmxnet3": {"id": ("0x15ad", "0x07b0"), "driver": "net_vmxnet3", "queues": [1, 2, 4], "jumbo": [9018]},
    "virtio": {"id": ("0x1af4", "0x1041"), "driver": "net_virtio", "queues": [1], "jumbo": [9018]},
}

rows = []


def log(text):
    print(text, flush=True)


def read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def devices_of(card):
    vendor, device = CARDS[card]["id"]
    found = [path.name for path in sorted(PCI.iterdir()) if (read(path / "vendor"), read(path / "device")) == (vendor, device)]
    if card == "virtio" and not found:  # the transitional function has another id
        found = [p.name for p in sorted(PCI.iterdir()) if (read(p / "vendor"), read(p / "device")) == (vendor, "0x1000")]
    return found


def bind(address, driver):
    device = PCI / address
    if (device / "driver").exists():
        (device / "driver" / "unbind").write_text(address)
    (device / "driver_override").write_text(driver)
    Path("/sys/bus/pci/drivers_probe").write_text(address)


def run(role, port, *arguments, limit=120):
    """Starts one role. Its CPU keeps off the other end's."""
    command = [LINERATE, role, "--port", port, "--json", *[str(argument) for argument in arguments]]
    log("$ " + " ".join(command))
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def last_json(text):
    lines = [line for line in text.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {}


def ready(process, limit=60):
    """Waits for the line that says that the port is open; the live lines follow on the same stream."""
    end = time.time() + limit
    said = []
    os.set_blocking(process.stderr.fileno(), False)
    while time.time() < end and process.poll() is None:
        line = process.stderr.readline()
        if line:
            said.append(line)
            if "receiving" in line or "reflecting" in line or "waiting" in line or "link" in line:
                break
        else:
            time.sleep(0.05)
    return said


def pair(tx, rx, role, send, receive, settle=4.0):
    """Both ends once: the receiving role first, then the sender; gives both reports."""
    far = run(role, rx, *receive)
    said = ready(far)
    time.sleep(settle)
    near = run("send", tx, *send)
    try:
        out, errors = near.communicate(timeout=180)
    except subprocess.TimeoutExpired:
        near.kill()
        out, errors = near.communicate()
        errors += "\n[killed: it did not end]"
    time.sleep(1.5)
    far.send_signal(signal.SIGINT)
    os.set_blocking(far.stderr.fileno(), True)
    try:
        far_out, far_errors = far.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        far.kill()
        far_out, far_errors = far.communicate()
        far_errors += "\n[killed: it did not end]"
    log("sender: " + out.strip()[-3000:] + errors.strip()[-1500:])
    log(f"{role}: " + far_out.strip()[-3000:] + ("".join(said) + far_errors).strip()[-1500:])
    return last_json(out), last_json(far_out)


def record(card, queues, case, wrong, detail):
    rows.append((card, CARDS[card]["driver"], str(queues), case, "FAILED" if wrong else "ok", wrong or detail))
    log(f"== {card} {case} queues {queues}: {'FAILED ' + wrong if wrong else 'ok'} {detail}")


def exact(sent, received, frames, size=None):
    """What is wrong with the counts; empty where nothing is."""
    offered = sent.get("frames_sent") or 0
    # A slow emulated card leaves frames unsent; each frame must still be one or the other.
    if offered == 0 or offered + (sent.get("frames_unsent") or 0) != frames:
        return f"{offered} frames sent and {sent.get('frames_unsent')} unsent of {frames}"
    for key, expected in (("frames_received", offered), ("lost", 0), ("duplicate", 0), ("corrupt", 0)):
        if received.get(key) != expected:
            return f"{key} is {received.get(key)} instead of {expected}"
    counted = received.get("bytes_received")
    if size and counted is not None and counted != offered * size:
        return f"{counted} bytes were counted for {offered} frames of {size}"
    return ""


def one_way(card, tx, rx, case, frames, send, receive=(), queues=1, size=None):
    sent, received = pair(tx, rx, "receive", ["--frames", frames, *send], ["--queues", queues, *receive])
    record(card, queues, case, exact(sent, received, frames, size), f"{sent.get('frames_sent')} of {frames} frames sent")
    return sent, received


def cases(card, tx, rx):
    one_way(card, tx, rx, "64 B, 1 kpps", 1000, ["--size", 64, "--rate", "1kpps"], size=64)
    one_way(card, tx, rx, "IMIX, 500 pps", 480, ["--size", "imix", "--rate", "500pps"])
    one_way(card, tx, rx, "VLAN 100, 512 B", 300, ["--size", 512, "--rate", "500pps", "--vlan", 100], ["--vlan", 100], size=512)
    for size in CARDS[card]["jumbo"]:
        one_way(card, tx, rx, f"jumbo, {size} B", 200, ["--size", size, "--rate", "200pps"], ["--max-size", size], size=size)
    for queues in CARDS[card]["queues"][1:]:
        sent, received = one_way(card, tx, rx, "1,000 flows", 2000, ["--size", 64, "--rate", "1kpps", "--flows", 1000], queues=queues, size=64)
    sent, reflected = pair(tx, rx, "reflect", ["--rtt", "--frames", 200, "--rate", "200pps"], [])
    trips = (sent.get("rtt_ns") or {}).get("count")
    offered = sent.get("frames_sent")
    wrong = "" if offered and (reflected.get("frames_received"), reflected.get("frames_sent"), trips) == (offered,) * 3 else (
        f"of {offered} frames {reflected.get('frames_received')} were reflected and {trips} round trips were timed")
    record(card, 1, "round trips", wrong, f"{trips} round trips")
    sent, received = pair(tx, rx, "receive", ["--size", 1518, "--rate", "0.1%", "--duration", "2s"], [])
    wrong = "" if sent.get("frames_sent") and sent.get("frames_sent") == received.get("frames_received") else (
        f"{sent.get('frames_sent')} sent, {received.get('frames_received')} received")
    record(card, 1, "rate as a share of the link's speed", wrong, f"{sent.get('frames_sent')} frames")


def virtual_functions():
    """One VF of each igb card: the PFs stay with the kernel's driver, which passes frames between them and the wire."""
    subprocess.run(["modprobe", "igb"], check=False)
    functions = []
    for address in devices_of("igb"):
        bind(address, "igb")
        (PCI / address / "sriov_numvfs").write_text("1")
        for net in (PCI / address / "net").iterdir():
            subprocess.run(["ip", "link", "set", net.name, "up"], check=False)
        functions.append((PCI / address / "virtfn0").resolve().name)
    time.sleep(3)
    return functions


def main():
    for card in read(SHARE / "cards").split():
        try:
            ports = virtual_functions() if card == "igbvf" else devices_of(card)
            if len(ports) < 2:
                record(card, "-", "two ports", f"{len(ports)} ports found", "")
                continue
            for address in ports[:2]:
                bind(address, "vfio-pci")
            cases(card, *ports[:2])
        except Exception as error:  # a card that fails must not hide the others
            record(card, "-", "set-up", f"{type(error).__name__}: {error}", "")
    widths = [max(len(row[column]) for row in rows + [("card", "driver", "queues", "case", "result", "")]) for column in range(5)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)) + "  " + row[5]
             for row in [("card", "driver", "queues", "case", "result", "detail"), *rows]]
    failed = sum(row[4] != "ok" for row in rows)
    lines.append(f"{len(rows) - failed} passed, {failed} failed")
    (SHARE / "table").write_text("\n".join(lines) + "\n")


main()
