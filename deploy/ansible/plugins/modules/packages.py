#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Installs packages and records every package that this adds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Install packages of Debian or Ubuntu, and record every package that this adds
description:
  - Installs what is missing. No package is removed or upgraded for it.
  - The names of all new packages, dependencies included, go into the state file before they are installed.
author: linerate
options:
  names:
    description: Packages to install.
    type: list
    elements: str
    default: []
  deb:
    description: A package file on the host. It is installed if the host has another version of its package.
    type: path
  state_file:
    description: Where changes are recorded.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Install iperf3
  linerate.linerate.packages:
    names: [iperf3]
    state_file: /var/lib/linerate/ansible/state.json
"""

RETURN = r"""
installed:
  description: Packages that were added.
  type: list
  elements: str
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.linerate.linerate.plugins.module_utils.apt import Apt
from ansible_collections.linerate.linerate.plugins.module_utils.state import State


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "default": []},
            "deb": {"type": "path"},
            "state_file": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    names, deb = module.params["names"], module.params["deb"]
    if not names and not deb:
        module.exit_json(changed=False, installed=[])
    if module.get_bin_path("apt-get") is None:
        module.fail_json(msg="this host has no apt-get: install the packages by hand, and set linerate_packages: []", names=names)
    state = State.of(module)
    apt = Apt(module)
    before = apt.installed()
    wanted = [name for name in names if name not in before]
    if deb and os.path.exists(deb):
        package, version = apt.package_of(deb)
        if before.get(package) != version:
            wanted.append(deb)
    elif deb and module.check_mode:
        # In check mode the file has not been copied.
        module.exit_json(changed=True, installed=[*wanted, deb])
    if not wanted:
        module.exit_json(changed=False, installed=[])
    if module.check_mode:
        module.exit_json(changed=True, installed=wanted)
    if [name for name in wanted if name != deb]:
        apt.update()
    new = sorted(name for name in apt.would_install(wanted) if name not in before)
    state.record(*({"kind": "package", "name": name} for name in new if state.find(kind="package", name=name) is None))
    apt.install(wanted)
    module.exit_json(changed=True, installed=new)


if __name__ == "__main__":
    main()
