"""Runs on the host beside QEMU: does what the guest asks for in the folder that both share.

A request is a file `request` with one JSON object, and its answer a file `answer`:
  {"link": "h1e1", "up": false}   sets the link of a card
  {"unplug": "h1e1"}              asks the guest's kernel to give a card up, as a hot unplug does
  {"wire": "h1e1"}                counts what a card's wire has carried so far, from QEMU's own capture: frames by size and by destination
"""

import json
import os
import socket
import struct
import sys
import time
from pathlib import Path


class Monitor:
    """QEMU's machine protocol (QMP) on a Unix socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.1)
        self.lines = self.socket.makefile("r")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        for line in self.lines:
            answer = json.loads(line)
            if "return" in answer or "error" in answer:
                return answer
        return {"error": "QEMU closed its monitor"}


def wire(path):
    """Frames of a pcap file by size with FCS and by destination. The last frame may be incomplete: QEMU is still writing."""
    sizes, destinations, total = {}, {}, 0
    data = Path(path).read_bytes()
    at = 24
    while at + 16 <= len(data):
        kept, length = struct.unpack("<II", data[at + 8:at + 16])
        frame = data[at + 16:at + 16 + kept]
        if len(frame) < kept:
            break
        at += 16 + kept
        total += 1
        # QEMU's emulated cards pad as real ones do, some in the guest's memory and some on the wire.
        size = max(length, 60) + 4
        sizes[size] = sizes.get(size, 0) + 1
        destination = frame[:6].hex(":")
        destinations[destination] = destinations.get(destination, 0) + 1
    return {"frames": total, "sizes": sizes, "destinations": destinations}


def main():
    share, monitor, captures = Path(sys.argv[1]), Monitor(sys.argv[2]), Path(sys.argv[3])
    while True:
        time.sleep(0.05)
        try:
            request = json.loads((share / "request").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            continue
        os.unlink(share / "request")
        if "link" in request:
            answer = monitor.ask("set_link", name=request["link"], up=request["up"])
        elif "unplug" in request:
            answer = monitor.ask("device_del", id=request["unplug"])
        else:
            answer = wire(captures / f"{request['wire']}.pcap")
        (share / "answer.new").write_text(json.dumps(answer))
        os.rename(share / "answer.new", share / "answer")


main()
