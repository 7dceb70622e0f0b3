# SPDX-License-Identifier: Apache-2.0
"""The state file of a host: every change that the roles made there, in their order, so that each can be undone.

A change is recorded before it is made. If a play is interrupted in between, undoing a change that was not made does nothing.
"""

from __future__ import annotations

import json
import os
import tempfile

VERSION = 1


class State:
    """The changes on this host."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.changes: list[dict] = []
        self.existed = os.path.exists(path)
        if not self.existed:
            return
        with open(path, encoding="utf-8") as file:
            try:
                content = json.load(file)
                version, self.changes = content["version"], content["changes"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}: not a state file of linerate ({error}): restore it, or undo the changes by hand") from error
        if version != VERSION:
            raise ValueError(f"{path}: written by another version of this collection ({version}): undo with that version")

    @classmethod
    def of(cls, module) -> State:
        """The changes in the parameter `state_file`. The module fails if that file cannot be used."""
        try:
            return cls(module.params["state_file"])
        except ValueError as error:
            module.fail_json(msg=str(error))

    def find(self, **keys: object) -> dict | None:
        """The change with these values."""
        return next((change for change in self.changes if all(change.get(key) == value for key, value in keys.items())), None)

    def record(self, *changes: dict) -> None:
        """Adds changes and writes the file."""
        self.changes.extend(changes)
        self.save()

    def save(self) -> None:
        """Writes beside and renames, so that the file is complete at any moment."""
        folder = os.path.dirname(self.path)
        self.changes[:0] = [change for change in missing_folders(folder) if self.find(**change) is None]
        os.makedirs(folder, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=folder, prefix=".state-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"version": VERSION, "changes": self.changes}, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)


def missing_folders(folder: str) -> list[dict]:
    """The folders that must be made for this one to exist, the outermost first."""
    missing = []
    while folder and not os.path.isdir(folder):
        missing.append({"kind": "folder", "path": folder})
        folder = os.path.dirname(folder)
    return missing[::-1]


def read_text(path: str) -> str | None:
    """The text of a small file of the kernel, without its newline; None if it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def write_text(path: str, text: str) -> None:
    """Writes a small file of the kernel."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
