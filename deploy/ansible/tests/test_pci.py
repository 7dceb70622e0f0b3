# SPDX-License-Identifier: Apache-2.0
"""Binding of PCI devices, in an imitated sysfs whose kernel is the method `write` below. Run with python3 -m unittest."""

import os
import tempfile
import unittest

from ansible_collections.linerate.linerate.plugins.module_utils.pci import PciDevice

ADDRESS = "0000:03:00.0"
NATIVE = "ixgbe"


class Kernel:
    """What the kernel does when the files of drivers are written (drivers/pci/pci-driver.c, drivers/base/bus.c)."""

    def __init__(self, bus: str) -> None:
        self.devices = os.path.join(bus, "devices")
        self.folder = os.path.join(self.devices, ADDRESS)
        os.makedirs(os.path.join(self.folder, "net", "ens1"))
        self.override = ""
        self.link(NATIVE)
        self._show()

    def link(self, driver: str) -> None:
        folder = os.path.join(self.devices, "..", "drivers", driver)
        os.makedirs(folder, exist_ok=True)
        os.symlink(folder, os.path.join(self.folder, "driver"))

    def write(self, path: str, text: str) -> None:
        name = os.path.basename(path)
        if name == "driver_override":
            self.override = text.strip()
            self._show()
        elif name == "unbind":
            assert text == ADDRESS
            os.remove(os.path.join(self.folder, "driver"))
        elif name == "drivers_probe":
            assert text == ADDRESS and os.path.normpath(os.path.dirname(path)) == os.path.dirname(self.devices)
            self.link(self.override or NATIVE)
        else:
            raise AssertionError(path)

    def _show(self) -> None:
        with open(os.path.join(self.folder, "driver_override"), "w", encoding="utf-8") as file:
            file.write((self.override or "(null)") + "\n")


class Binding(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kernel = Kernel(os.path.join(folder.name, "bus", "pci"))
        self.device = PciDevice(ADDRESS, self.kernel.devices, self.kernel.write)

    def test_a_device_goes_to_vfio_and_back(self) -> None:
        before = (self.device.driver(), self.device.override())
        self.assertEqual(before, (NATIVE, ""))
        self.device.bind("vfio-pci", "vfio-pci")
        self.assertEqual((self.device.driver(), self.device.override()), ("vfio-pci", "vfio-pci"))
        self.device.bind(*before)
        self.assertEqual((self.device.driver(), self.device.override()), before)

    def test_a_device_without_a_driver_has_none_again(self) -> None:
        self.kernel.write(os.path.join(self.kernel.folder, "driver", "unbind"), ADDRESS)
        self.device.bind("vfio-pci", "vfio-pci")
        self.assertEqual(self.device.driver(), "vfio-pci")
        self.device.bind(None, "")
        self.assertEqual((self.device.driver(), self.device.override()), (None, ""))

    def test_its_interfaces_are_known(self) -> None:
        self.assertEqual(self.device.interfaces(), ["ens1"])


if __name__ == "__main__":
    unittest.main()
