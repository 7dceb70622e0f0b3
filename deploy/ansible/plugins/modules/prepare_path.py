#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Records a file or folder before it is made, and makes the folders above it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prepare_path
short_description: Record a file or folder before it is made, and make the folders above it
description:
  - A file that exists and is not recorded yet is copied beside the state file. Undoing puts it back.
author: linerate
options:
  path:
    description: The file or folder.
    type: path
    required: true
  kind:
    description: >-
      C(file): the file is written later. C(folder): it is made now, and undoing removes it if it is empty. C(tree): it is made now, and undoing
      removes it with all its contents; a folder that exists already is left alone.
    type: str
    choices: [file, folder, tree]
    default: file
  state_file:
    description: Where changes are recorded.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Prepare the program's path
  linerate.linerate.prepare_path:
    path: /usr/local/bin/linerate
    state_file: /var/lib/linerate/ansible/state.json
"""

RETURN = r""" # """

import os
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.linerate.linerate.plugins.module_utils.state import State, missing_folders


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "kind": {"type": "str", "choices": ["file", "folder", "tree"], "default": "file"},
            "state_file": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    path, kind = os.path.normpath(module.params["path"]), module.params["kind"]
    state = State.of(module)
    folders = [change for change in missing_folders(path if kind == "folder" else os.path.dirname(path)) if state.find(**change) is None]
    change = None
    if kind == "file" and state.find(kind="file", path=path) is None:
        change = {"kind": "file", "path": path, "backup": None}
        if os.path.exists(path):
            change["backup"] = os.path.join(os.path.dirname(state.path), f"before-{len(state.changes)}-{os.path.basename(path)}")
    elif kind == "tree" and not os.path.isdir(path) and state.find(kind="tree", path=path) is None:
        change = {"kind": "tree", "path": path}
    made = path if kind in ("folder", "tree") else os.path.dirname(path)
    changed = bool(folders) or change is not None or not os.path.isdir(made)
    if changed and not module.check_mode:
        state.record(*folders, *([change] if change else []))
        os.makedirs(made, exist_ok=True)
        if change and change.get("backup"):
            shutil.copy2(path, change["backup"])
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
