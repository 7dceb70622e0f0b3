#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Undoes all changes of a state file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: undo
short_description: Undo all changes of a state file, the last one first, and remove the file
description:
  - What someone else changed since, or something else needs, is kept and returned in C(kept).
author: linerate
options:
  state_file:
    description: Where changes are recorded.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Undo everything
  linerate.linerate.undo:
    state_file: /var/lib/linerate/ansible/state.json
"""

RETURN = r"""
undone:
  description: What was undone.
  type: list
  elements: str
  returned: always
kept:
  description: What was kept, and why.
  type: list
  elements: str
  returned: always
"""

import os
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.linerate.linerate.plugins.module_utils.apt import Apt
from ansible_collections.linerate.linerate.plugins.module_utils.pci import PciDevice
from ansible_collections.linerate.linerate.plugins.module_utils.state import State, read_text, write_text


class Undo:
    """Undoes changes, or says in check mode what would be undone."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.doing = not module.check_mode
        self.undone: list[str] = []
        self.kept: list[str] = []

    def all(self, changes: list[dict]) -> None:
        """All but folders, the last change first. Packages go in one step, because they need each other."""
        for change in reversed(changes):
            kind = change["kind"].replace("-", "_")
            if kind not in ("package", "folder"):
                getattr(self, kind)(change)
        self.packages([change["name"] for change in changes if change["kind"] == "package"])

    def folders(self, changes: list[dict]) -> None:
        """Folders, when all else is gone. The state file was in one of them."""
        for path in sorted((change["path"] for change in changes if change["kind"] == "folder"), key=len, reverse=True):
            self.folder(path)

    def file(self, change: dict) -> None:
        path, backup = change["path"], change["backup"]
        if backup is not None:
            self.undone.append(f"{path}: put back")
            if self.doing and os.path.exists(backup):
                shutil.move(backup, path)
        elif os.path.lexists(path):
            self.undone.append(f"{path}: removed")
            if self.doing:
                os.remove(path)

    def tree(self, change: dict) -> None:
        if os.path.isdir(change["path"]):
            self.undone.append(f"{change['path']}: removed")
            if self.doing:
                shutil.rmtree(change["path"])

    def folder(self, path: str) -> None:
        if not os.path.isdir(path):
            return
        if self.doing and os.listdir(path):
            self.kept.append(f"{path}: not empty")
            return
        self.undone.append(f"{path}: removed")
        if self.doing:
            os.rmdir(path)

    def huge_pages(self, change: dict) -> None:
        file, before, after = change["file"], change["before"], change["after"]
        now = read_text(file)
        if now == str(before):
            return
        if now is None or int(now) > after:
            self.kept.append(f"{file}: is {now}, not {after} as it was set: changed by someone else")
            return
        self.undone.append(f"{file}: {before} again")
        if self.doing:
            write_text(file, str(before))

    def driver(self, change: dict) -> None:
        device = PciDevice(change["device"])
        if not device.exists():
            self.kept.append(f"PCI device {device.address}: not found")
            return
        if device.driver() not in (change["after"], None):
            return
        self.undone.append(f"PCI device {device.address}: driver {change['before'] or 'none'} again")
        if self.doing:
            device.bind(change["before"], change["override"])
            if device.driver() != change["before"]:
                self.module.fail_json(msg=f"PCI device {device.address}: the kernel did not bind it to {change['before']}; see dmesg")

    def kernel_module(self, change: dict) -> None:
        name = change["name"]
        if not os.path.isdir(f"/sys/module/{name.replace('-', '_')}"):
            return
        if not self.doing:
            self.undone.append(f"kernel module {name}: unloaded")
            return
        code, _out, err = self.module.run_command(["modprobe", "--remove", name])
        if code == 0:
            self.undone.append(f"kernel module {name}: unloaded")
        else:
            self.kept.append(f"kernel module {name}: {err.strip()}")

    def packages(self, names: list[str]) -> None:
        if not names:
            return
        apt = Apt(self.module)
        installed = apt.installed()
        names = [name for name in names if name in installed]
        # A package that others need now is kept, and so are its own dependencies.
        gone = {name: apt.would_purge([name]) for name in names}
        needed = [name for name in names if gone[name] - set(names)]
        self.kept.extend(f"package {name}: needed by {', '.join(sorted(gone[name] - set(names)))}" for name in needed)
        names = [name for name in names if name not in needed]
        if names:
            self.undone.extend(f"package {name}: removed" for name in names)
            if self.doing:
                apt.purge(names)


def main() -> None:
    module = AnsibleModule(argument_spec={"state_file": {"type": "path", "required": True}}, supports_check_mode=True)
    state = State.of(module)
    undo = Undo(module)
    if state.existed:
        try:
            undo.all(state.changes)
            if undo.doing:
                os.remove(state.path)
            undo.folders(state.changes)
        except Exception as error:
            if undo.doing:
                state.save()
            module.fail_json(msg=f"{type(error).__name__}: {error}; {state.path} still has all changes", undone=undo.undone, kept=undo.kept)
    module.exit_json(changed=bool(undo.undone), undone=undo.undone, kept=undo.kept)


if __name__ == "__main__":
    main()
