#!/usr/bin/env python3
"""Proves what scripts/setup does with the packages and the Rust that a machine has, on imitated machines.

Each machine is a directory of programs that is the whole PATH: links to the real basic tools, and stand-ins for apt-get,
apt-cache, sudo, curl, rustc and the tools that setup looks for. The stand-in for apt-get keeps a list of installed packages and removes
what conflicts, as the real one does with -y, unless it is called with --no-remove.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SETUP = Path(__file__).resolve().parent.parent / "setup"
BASICS = "bash sh sed sort head tail cut dirname awk env cat mkdir chmod ln rm grep".split()
# Everything that `setup run` looks for on PATH, except ethtool, which is in /usr/sbin.
TOOLS = "cc pkg-config clang dpdk-testpmd ip ping sysctl iperf3 qperf sockperf nginx curl openssl".split()

APT_GET = """
import json, sys
from pathlib import Path
here = Path(sys.argv[0]).parent
state = json.loads((here / "state").read_text())
words, suite = [], None
rest = iter(sys.argv[1:])
for word in rest:
    if word == "-t":
        suite = next(rest)
    elif not word.startswith("-"):
        words.append(word)
flags = {word for word in sys.argv[1:] if word.startswith("-")}
state["calls"].append(sys.argv[1:])
failed = None
if words[0] == "install":
    offers = {**state["offers"], **state["suites"].get(suite, {})}
    unknown = [name for name in words[1:] if name not in offers]
    removed = {name for word in words[1:] if word in offers for name in offers[word].get("conflicts", []) if name in state["installed"]}
    if unknown:
        failed = f"E: Unable to locate package {unknown[0]}"
    elif removed and "--no-remove" in flags:
        failed = "E: Packages need to be removed but remove is disabled."
    elif "--simulate" not in flags:
        for name in removed:
            for program in state["installed"].pop(name):
                (here / program).unlink(missing_ok=True)
        for name in words[1:]:
            programs = offers[name].get("programs", {})
            for program, text in programs.items():
                (here / program).parent.mkdir(parents=True, exist_ok=True)
                (here / program).write_text("#!/bin/sh\\n" + text + "\\n")
                (here / program).chmod(0o755)
            state["installed"][name] = list(programs)
(here / "state").write_text(json.dumps(state))
if failed:
    sys.exit(failed)
"""

APT_CACHE = """
import json, sys
from pathlib import Path
state = json.loads((Path(sys.argv[0]).parent / "state").read_text())
what, name = sys.argv[1:]
if what == "pkgnames":
    print("\\n".join(offer for offer in state["offers"] if offer.startswith(name)))
elif what == "policy" and name in state["offers"]:
    print(f"{name}:\\n  Installed: (none)\\n  Candidate: {state['offers'][name]['version']}")
elif what == "policy":
    print(f"{name}:\\n  Installed: (none)\\n  Candidate: (none)")
else:
    for suite, offers in state["suites"].items():
        if name in offers:
            print(f"{name} | {offers[name]['version']} | http://archive.example {suite}/main amd64 Packages")
    if name in state["offers"]:
        print(f"{name} | {state['offers'][name]['version']} | http://archive.example stable/main amd64 Packages")
"""

# What rustup's installer does, as far as setup sees it.
INSTALLER = """
mkdir -p "$HOME/.cargo/bin"
for program in rustc cargo; do printf '#!/bin/sh\\necho "rustc 1.97.0 (x 2026-10-01)"\\n' > "$HOME/.cargo/bin/$program"; chmod +x "$HOME/.cargo/bin/$program"; done
echo 'export PATH="$HOME/.cargo/bin:$PATH"' > "$HOME/.cargo/env"
"""


def rust(version, conflicts=(), suffix=""):
    """The packages of one Rust: name → offer."""
    say = {"rustc": f"echo 'rustc {version} (x 2026-01-01)'", "cargo": ":"}
    offers = {f"{name}{suffix}": {"version": f"{version}+dfsg1-1", "programs": {name: say[name]}, "conflicts": list(conflicts)} for name in say}
    for name in ["rustfmt", "rust-clippy"] if not suffix else ["rustfmt-web", "rust-web-clippy"]:
        offers[name] = {"version": f"{version}+dfsg1-1", "conflicts": list(conflicts)}
    return offers


RUSTUP = {
    "rustup": {
        "version": "1.27.1-3",
        "conflicts": ["rustc", "cargo"],
        "programs": {"rustup": "exit 0", "rustc": "echo 'rustc 1.97.0 (x 2026-10-01)'", "cargo": ":"},
    }
}
WEB = rust("1.96.0", ["rustc", "cargo", "rustup"], "-web")


class Machine:
    def __init__(self, offers, installed=(), suites=None, user=True, installer=None, without=()):
        self.folder = tempfile.TemporaryDirectory()
        unittest.addModuleCleanup(self.folder.cleanup)
        self.bin = Path(self.folder.name) / "bin"
        self.home = Path(self.folder.name) / "home"
        self.units = Path(self.folder.name) / "units"
        self.packaged_units = Path(self.folder.name) / "packaged-units"
        # Instead of /usr/sbin, for what the machine of the test may have there.
        self.sbin = None
        self.bin.mkdir()
        self.home.mkdir()
        self.units.mkdir()
        self.packaged_units.mkdir()
        for name in BASICS:
            (self.bin / name).symlink_to(shutil.which(name))
        for name in TOOLS:
            if name not in without:
                self.program(name, "exit 0")
        self.program("id", f"echo {1000 if user else 0}")
        self.program("sudo", 'exec "$@"')
        self.program("curl", f"cat <<'END'\n{installer}\nEND" if installer else "echo 'curl: (6) could not resolve host' >&2; exit 6")
        state = {"offers": offers, "suites": suites or {}, "installed": {}, "calls": []}
        for name in installed:
            programs = offers[name].get("programs", {})
            state["installed"][name] = list(programs)
            for program, text in programs.items():
                self.program(program, text)
        (self.bin / "state").write_text(json.dumps(state))
        for name, source in [("apt-get", APT_GET), ("apt-cache", APT_CACHE)]:
            file = self.bin / name
            file.write_text(f"#!{sys.executable}\n{source}")
            file.chmod(0o755)

    def program(self, name, text):
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def setup(self, purpose="run"):
        environment = {"PATH": str(self.bin), "HOME": str(self.home), "LINERATE_RUST_PACKAGES": str(self.bin / "lib"), "LINERATE_SYSTEMD_UNITS": str(self.units), "LINERATE_SYSTEMD_PACKAGED": str(self.packaged_units), "LINERATE_OVS_DPDK": str(self.bin / "ovs-dpdk")}
        if self.sbin:
            environment["LINERATE_SBIN"] = str(self.sbin)
        return subprocess.run([shutil.which("bash"), SETUP, purpose], env=environment, capture_output=True, text=True)

    @property
    def state(self):
        return json.loads((self.bin / "state").read_text())


class Setup(unittest.TestCase):
    def succeeds(self, machine, purpose="run"):
        done = machine.setup(purpose)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def fails(self, machine, *words):
        done = machine.setup()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_nothing_is_installed_where_everything_is_there(self):
        machine = Machine(rust("1.96.0"), ["rustc", "cargo"])
        self.assertEqual(self.succeeds(machine), "")
        self.assertEqual(machine.state["calls"], [])

    def test_a_users_path_without_sbin_still_finds_ethtool(self):
        self.assertTrue(os.path.exists("/usr/sbin/ethtool"), "this test needs the real ethtool")
        machine = Machine({**rust("1.96.0"), "iperf3": {"version": "3", "programs": {"iperf3": "exit 0"}}}, ["rustc", "cargo"], without=["iperf3"])
        self.assertIsNone(shutil.which("ethtool", path=str(machine.bin)))
        self.assertEqual(self.succeeds(machine), "setup: installing packages: iperf3\n")
        self.assertIn("iperf3", machine.state["installed"])

    def test_nginx_is_installed_without_its_service_and_a_service_that_is_there_stays(self):
        offers = {**rust("1.96.0"), "nginx": {"version": "1", "programs": {"nginx": "exit 0"}}, "iperf3": {"version": "3", "programs": {"iperf3": "exit 0"}}}

        def without(*programs):
            machine = Machine(offers, ["rustc", "cargo"], without=programs)
            machine.program("ethtool", "exit 0")
            machine.sbin = machine.home
            return machine

        machine = without("nginx")
        self.assertIn("without its service", self.succeeds(machine))
        self.assertEqual(os.readlink(machine.units / "nginx.service"), "/dev/null")
        machine = without("nginx")
        (machine.units / "nginx.service").write_text("[Service]\n")
        self.assertNotIn("without its service", self.succeeds(machine))
        self.assertEqual((machine.units / "nginx.service").read_text(), "[Service]\n")
        machine = without("nginx")
        (machine.packaged_units / "nginx.service").write_text("[Service]\n")
        self.assertNotIn("without its service", self.succeeds(machine))
        self.assertEqual(list(machine.units.iterdir()), [])
        machine = without("iperf3")
        self.succeeds(machine)
        self.assertEqual(list(machine.units.iterdir()), [])

    def test_a_failed_installation_masks_no_service(self):
        machine = Machine(rust("1.96.0"), ["rustc", "cargo"], without=["nginx"])
        machine.program("ethtool", "exit 0")
        machine.sbin = machine.home
        self.fails(machine, "could not install: nginx")
        self.assertEqual(list(machine.units.iterdir()), [])

    def test_a_users_default_of_rustup_stays_and_the_scripts_take_the_stable_toolchain(self):
        machine = Machine(rust("1.63.0"))
        machine.program("ethtool", "exit 0")
        machine.program("apt-get", "echo 'E: no network' >&2; exit 100")
        machine.program("cargo", ":")
        machine.program("rustc", 'if [ "${RUSTUP_TOOLCHAIN:-}" = stable ]; then echo "rustc 1.97.0 (x)"; else echo "rustc 1.80.0 (x)"; fi')
        machine.program("rustup", f"""case "$*" in
            default) echo "1.80.0-x86_64-unknown-linux-gnu (default)" ;;
            "toolchain install stable "*) echo stable >> {machine.home}/toolchains ;;
            "toolchain list") cat {machine.home}/toolchains ;;
            *) echo "unexpected: $*" >&2; exit 1 ;;
        esac""")
        self.assertIn("your default stays", self.succeeds(machine))
        # A second time there is nothing to do.
        self.assertEqual(self.succeeds(machine), "")

    def test_a_package_that_would_remove_another_is_left_to_the_user(self):
        offers = {**rust("1.96.0"), "sockperf": {"version": "3", "conflicts": ["mine"]}, "mine": {"version": "1", "programs": {"mine": "exit 0"}}}
        machine = Machine(offers, ["rustc", "cargo", "mine"], without=["sockperf"])
        self.fails(machine, "could not install: sockperf", "Nothing was removed", "apt-get install sockperf")
        self.assertIn("mine", machine.state["installed"])

    def test_a_package_without_the_program_is_named(self):
        machine = Machine({**rust("1.96.0"), "qperf": {"version": "1"}}, ["rustc", "cargo"], without=["qperf"])
        self.fails(machine, "package qperf is installed, but qperf was not found")

    def test_old_rust_packages_stay_and_rustup_goes_to_the_home_directory(self):
        machine = Machine({**rust("1.63.0"), **WEB, **RUSTUP}, ["rustc", "cargo"], installer=INSTALLER)
        self.assertIn("for this user, in ~/.cargo", self.succeeds(machine))
        self.assertEqual(set(machine.state["installed"]), {"rustc", "cargo"})
        self.assertTrue((machine.home / ".cargo/bin/rustc").exists())
        # A second time there is nothing to do.
        calls = len(machine.state["calls"])
        self.assertEqual(self.succeeds(machine), "")
        self.assertEqual(len(machine.state["calls"]), calls)

    def test_without_a_network_old_rust_packages_stay_and_the_ways_out_are_named(self):
        machine = Machine({**rust("1.63.0"), **WEB, **RUSTUP}, ["rustc", "cargo"])
        self.fails(machine, "Rust 1.", "or newer is needed", "Nothing was removed", "apt-get install rustc-web cargo-web", "rustup.rs")
        self.assertEqual(set(machine.state["installed"]), {"rustc", "cargo"})
        self.assertTrue((machine.bin / "rustc").exists())

    def test_debian_12_gets_rustc_web(self):
        machine = Machine({**rust("1.63.0"), **WEB})
        self.assertIn("installing Rust 1.96.0 from packages: rustc-web cargo-web\n", self.succeeds(machine))
        self.assertEqual(set(machine.state["installed"]), {"rustc-web", "cargo-web"})

    def test_a_new_enough_rustc_comes_first(self):
        machine = Machine({**rust("1.95.0"), **WEB, **RUSTUP}, user=False)
        self.assertIn("installing Rust 1.95.0 from packages: rustc cargo\n", self.succeeds(machine))

    def test_backports_are_used_where_they_are_enabled(self):
        suites = {"trixie-backports": rust("1.96.0")}
        machine = Machine({**rust("1.85.0"), **rust("1.85.0", ["rustc"], "-web")}, suites=suites)
        self.assertIn("from packages: rustc cargo -t trixie-backports\n", self.succeeds(machine))
        self.assertIn("-t", machine.state["calls"][-1])

    def test_ubuntu_24_04_gets_the_package_rustup(self):
        machine = Machine({**rust("1.75.0"), **RUSTUP})
        self.assertIn("installing package rustup", self.succeeds(machine))
        self.assertEqual(set(machine.state["installed"]), {"rustup"})

    def test_ubuntu_gets_the_newest_of_its_numbered_packages_before_rustup(self):
        offers = {**rust("1.75.0"), **RUSTUP}
        for number in ["1.80", "1.91"]:
            for name, says in [("rustc", f"echo 'rustc {number}.1 (x 2026-01-01)'"), ("cargo", ":")]:
                offers[f"{name}-{number}"] = {"version": f"{number}.1+dfsg-0ubuntu1", "programs": {f"lib/rust-{number}/bin/{name}": says}}
        machine = Machine(offers, ["rustc", "cargo"])
        self.assertIn("from packages: rustc-1.91 cargo-1.91\n", self.succeeds(machine))
        self.assertEqual(set(machine.state["installed"]), {"rustc", "cargo", "rustc-1.91", "cargo-1.91"})
        # A second time there is nothing to do: it is found although it is on nobody's PATH.
        self.assertEqual(self.succeeds(machine), "")

    def test_tests_get_the_linter_and_the_formatter(self):
        machine = Machine({**rust("1.63.0"), **WEB})
        for name in ["python3", "groff", "iperf", "tshark", "tcpdump", "iptables", "ssh", "chromium", "qemu-x86_64", "ovs-vswitchd", "ovs-dpdk"]:
            machine.program(name, "exit 0")
        if not os.path.exists("/usr/sbin/sshd"):
            self.skipTest("this test needs the real sshd")
        self.succeeds(machine, "test")
        self.assertEqual(set(machine.state["installed"]), {"rustc-web", "cargo-web", "rustfmt-web", "rust-web-clippy"})


if __name__ == "__main__":
    unittest.main()
