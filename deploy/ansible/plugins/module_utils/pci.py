# SPDX-License-Identifier: Apache-2.0
"""PCI devices and their drivers, in sysfs (Documentation/ABI/testing/sysfs-bus-pci)."""

from __future__ import annotations

import os

from ansible_collections.linerate.linerate.plugins.module_utils.state import read_text, write_text

DEVICES = "/sys/bus/pci/devices"


class PciDevice:
    """A device by its address, such as 0000:03:00.0."""

    def __init__(self, address: str, devices: str = DEVICES, write=write_text) -> None:
        self.folder = os.path.join(devices, address)
        self.address = address
        self.write = write

    def exists(self) -> bool:
        return os.path.isdir(self.folder)

    def driver(self) -> str | None:
        """The driver that is bound now."""
        link = os.path.join(self.folder, "driver")
        return os.path.basename(os.readlink(link)) if os.path.islink(link) else None

    def override(self) -> str:
        """The only driver that may bind; empty if any may. The kernel shows none as `(null)`."""
        text = read_text(os.path.join(self.folder, "driver_override")) or ""
        return "" if text == "(null)" else text

    def has_iommu(self) -> bool:
        return os.path.exists(os.path.join(self.folder, "iommu_group"))

    def interfaces(self) -> list[str]:
        """Its network interfaces."""
        try:
            return sorted(os.listdir(os.path.join(self.folder, "net")))
        except OSError:
            return []

    def bind(self, driver: str | None, override: str) -> None:
        """Gives the device to a driver (None: to no driver), with this override from then on."""
        self.write(os.path.join(self.folder, "driver_override"), (driver or override) + "\n")
        if self.driver() not in (None, driver):
            self.write(os.path.join(self.folder, "driver", "unbind"), self.address)
        if driver is not None and self.driver() != driver:
            self.write(os.path.join(self.folder, "..", "..", "drivers_probe"), self.address)
        self.write(os.path.join(self.folder, "driver_override"), override + "\n")
