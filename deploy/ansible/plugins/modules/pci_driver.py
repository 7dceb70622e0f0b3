#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Binds PCI devices to a driver and records which driver they had."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_driver
short_description: Bind PCI devices to a driver, and record which driver they had
description:
  - A device whose interface carries the default route or this connection is refused.
  - NVIDIA cards (mlx5) keep their kernel driver for DPDK. Do not bind them.
author: linerate
options:
  devices:
    description: PCI addresses, such as C(0000:03:00.0).
    type: list
    elements: str
    required: true
  driver:
    description: The driver to bind.
    type: str
    default: vfio-pci
  state_file:
    description: Where changes are recorded.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Give a card to DPDK
  linerate.linerate.pci_driver:
    devices: ["0000:03:00.0"]
    state_file: /var/lib/linerate/ansible/state.json
"""

RETURN = r"""
bound:
  description: Devices that got another driver.
  type: list
  elements: str
  returned: always
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.linerate.linerate.plugins.module_utils.pci import PciDevice
from ansible_collections.linerate.linerate.plugins.module_utils.state import State


def in_use(module: AnsibleModule) -> dict[str, str]:
    """Interfaces that this host must keep, and why."""
    used = {}
    for family in ("-4", "-6"):
        _code, out, _err = module.run_command(["ip", family, "-json", "route", "show", "default"])
        for route in json.loads(out or "[]"):
            used[route.get("dev", "")] = "it carries the default route"
    # CLIENT CLIENT-PORT SERVER SERVER-PORT (ssh(1)); sudo removes it.
    connection = os.environ.get("SSH_CONNECTION", "").split()
    if len(connection) == 4:
        _code, out, _err = module.run_command(["ip", "-json", "address", "show"])
        for link in json.loads(out or "[]"):
            if any(address.get("local") == connection[2] for address in link.get("addr_info", [])):
                used[link["ifname"]] = "it carries the ssh connection of Ansible"
    return used


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "devices": {"type": "list", "elements": "str", "required": True},
            "driver": {"type": "str", "default": "vfio-pci"},
            "state_file": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    driver = module.params["driver"]
    state = State.of(module)
    devices = [PciDevice(address) for address in module.params["devices"]]
    used = in_use(module) if devices else {}
    # All are checked before one is bound.
    for device in devices:
        if not device.exists():
            module.fail_json(msg=f"PCI device {device.address}: not found; `linerate ports` lists the devices of this host")
        for interface in device.interfaces():
            if interface in used:
                module.fail_json(msg=f"PCI device {device.address} is not bound to {driver}: {used[interface]} ({interface}); use another port")
        if driver == "vfio-pci" and not device.has_iommu():
            module.fail_json(
                msg=f"PCI device {device.address}: no IOMMU is active, and {driver} needs one; turn it on in the firmware, and boot with intel_iommu=on or iommu=pt"
            )
    wrong = [device for device in devices if device.driver() != driver]
    if wrong and not module.check_mode:
        if not os.path.isdir(f"/sys/bus/pci/drivers/{driver}"):
            state.record({"kind": "kernel-module", "name": driver})
            code, _out, err = module.run_command(["modprobe", driver])
            if code != 0:
                module.fail_json(msg=f"kernel module {driver}: {err.strip()}")
        for device in wrong:
            if state.find(kind="driver", device=device.address) is None:
                state.record(
                    {"kind": "driver", "device": device.address, "before": device.driver(), "override": device.override(), "after": driver}
                )
            device.bind(driver, driver)
            if device.driver() != driver:
                module.fail_json(msg=f"PCI device {device.address}: the kernel did not bind it to {driver}; see dmesg")
    module.exit_json(changed=bool(wrong), bound=[device.address for device in wrong])


if __name__ == "__main__":
    main()
