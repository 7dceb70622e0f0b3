# SPDX-License-Identifier: Apache-2.0
"""apt and dpkg of Debian and Ubuntu. The module `apt` of Ansible does not say which dependencies it installs, so it cannot be undone exactly."""

from __future__ import annotations

import os

# No questions, no recommended packages, and at most 300 s of waiting for another apt.
QUIET = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


class Apt:
    """apt on this host; `module` runs its commands."""

    def __init__(self, module) -> None:
        self.module = module

    def installed(self) -> dict[str, str]:
        """The version of each installed package."""
        text = self._run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Package}|${Version}\\n"])
        rows = [line.split("|") for line in text.splitlines()]
        return {row[1]: row[2] for row in rows if len(row) == 3 and row[0].startswith("ii")}

    def package_of(self, deb: str) -> tuple[str, str]:
        """Name and version of the package in a file."""
        name, version = (self._run(["dpkg-deb", "--field", deb, field]).strip() for field in ("Package", "Version"))
        return name, version

    def would_install(self, wanted: list[str]) -> set[str]:
        """Names of all packages that an installation unpacks."""
        text = self._run(["apt-get", "install", "--simulate", "--no-remove", *QUIET, *wanted])
        return {line.split()[1] for line in text.splitlines() if line.startswith("Inst ")}

    def install(self, wanted: list[str]) -> None:
        """Installs packages. apt refuses if another package would have to go."""
        self._run(["apt-get", "install", "--no-remove", *QUIET, *wanted])

    def update(self) -> None:
        """Reads the lists of packages again."""
        self._run(["apt-get", "update", "-q"])

    def would_purge(self, names: list[str]) -> set[str]:
        """Names of all packages that a removal removes, those that need them included."""
        text = self._run(["apt-get", "purge", "--simulate", *QUIET, *names])
        return {line.split()[1] for line in text.splitlines() if line.startswith(("Remv ", "Purg "))}

    def purge(self, names: list[str]) -> None:
        """Removes packages with their configuration."""
        self._run(["apt-get", "purge", *QUIET, *names])

    def _run(self, command: list[str]) -> str:
        code, out, err = self.module.run_command(command, environ_update=ENVIRONMENT)
        if code != 0:
            last = "; ".join((err or out).strip().splitlines()[-3:])
            self.module.fail_json(msg=f"{os.path.basename(command[0])} failed: {last}", cmd=command)
        return out
