"""What the cases need of the guest: cards and their drivers, requests to the host, and linerate's two ends."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

SHARE = Path("/share")
# A copy: reading the program through the emulated file system at every start is slow.
LINERATE = shutil.copy(SHARE / "linerate", "/tmp/linerate")
PCI = Path("/sys/bus/pci/devices")

# With these, the console shows the stack of a task that hangs in the kernel.
Path("/proc/sys/kernel/printk").write_text("7")
Path("/proc/sys/kernel/hung_task_timeout_secs").write_text("60")


def log(text):
    print(text, flush=True)


def read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def devices(vendor, *ids):
    """Addresses of the cards with this vendor and one of these device ids, in the order of their slots."""
    return [path.name for path in sorted(PCI.iterdir()) if read(path / "vendor") == vendor and read(path / "device") in ids]


def bind(address, driver):
    device = PCI / address
    if (device / "driver").exists():
        (device / "driver" / "unbind").write_text(address)
    (device / "driver_override").write_text(driver)
    Path("/sys/bus/pci/drivers_probe").write_text(address)


def host(**request):
    """Asks the host's monitor.py, and waits for its answer."""
    answer = SHARE / "answer"
    answer.unlink(missing_ok=True)
    (SHARE / "request.new").write_text(json.dumps(request))
    os.rename(SHARE / "request.new", SHARE / "request")
    end = time.time() + 30
    while not answer.exists():
        if time.time() > end:
            raise TimeoutError(f"the host did not answer {request}")
        time.sleep(0.05)
    return json.loads(answer.read_text())


def wire_since(card, before):
    """What the wire carried after `before`, by size and destination."""
    now = host(wire=card)

    def difference(key):
        counts = {name: count - before[key].get(name, 0) for name, count in now[key].items()}
        return {name: count for name, count in counts.items() if count}

    return {"frames": now["frames"] - before["frames"], "sizes": difference("sizes"), "destinations": difference("destinations")}


def last_json(text):
    lines = [line for line in text.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {}


class Role:
    """One linerate process on one port."""

    # The roles that run now. They are ended after each case, also if it fails.
    running = []

    def __init__(self, role, port, *arguments):
        self.name = role
        command = [LINERATE, role, "--port", port, "--json", *[str(argument) for argument in arguments]]
        log("$ " + " ".join(command))
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = ""
        self.address = None
        Role.running.append(self)

    def wait_ready(self, limit=120):
        """Waits for the line that says that the port is open, and its address; the live lines follow on the same stream."""
        os.set_blocking(self.process.stderr.fileno(), False)
        end = time.time() + limit
        while time.time() < end and self.process.poll() is None:
            line = self.process.stderr.readline()
            self.said += line
            found = re.search(r"address ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})", line)
            self.address = found[1] if found else self.address
            if any(word in line for word in ("receiving", "reflecting", "waiting", " pps")):
                return
            if not line:
                time.sleep(0.05)
        raise TimeoutError(f"{self.name} did not open its port in {limit} s, or ended: {self.said[-300:]}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)

    def finish(self, limit=180):
        """Its report, its exit status and everything it said."""
        os.set_blocking(self.process.stderr.fileno(), True)
        try:
            out, errors = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, errors = self.process.communicate()
            errors += "\n[killed: it did not end]"
        self.said += errors
        Role.running.remove(self)
        log(f"{self.name}: {out.strip()[-3000:]}\n{self.said.strip()[-2000:]}")
        report = last_json(out)
        report["exit"] = self.process.returncode
        report["address"] = self.address
        # Live lines: losses that were shown though no frame was lost.
        report["shown_lost"] = max([int(number.replace(",", "")) for number in re.findall(r"([\d,]+) lost", self.said)], default=0)
        return report


def refused(*arguments, limit=120):
    """Runs linerate, which should refuse: its exit status and its lines on standard error."""
    log("$ linerate " + " ".join(str(argument) for argument in arguments))
    ran = subprocess.run([LINERATE, *[str(argument) for argument in arguments]], capture_output=True, text=True, timeout=limit)
    log(ran.stderr[-2000:])
    # Warnings, such as those about the emulated processor's clock, are not part of the refusal.
    return ran.returncode, [line for line in ran.stderr.splitlines() if line.strip() and not line.strip().startswith("WARN")]
