#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Reserves huge pages and records how many there were."""

from __future__ import annotations

DOCUMENTATION = r"""
module: huge_pages
short_description: Reserve huge pages, and record how many there were
author: linerate
options:
  count:
    description: How many the kernel reserves. More that are reserved already are left.
    type: int
    required: true
  size_kib:
    description: The size of a page in KiB.
    type: int
    default: 2048
  state_file:
    description: Where changes are recorded.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Reserve 1 GiB
  linerate.linerate.huge_pages:
    count: 512
    state_file: /var/lib/linerate/ansible/state.json
"""

RETURN = r"""
before:
  description: How many were reserved.
  type: int
  returned: always
after:
  description: How many are reserved.
  type: int
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.linerate.linerate.plugins.module_utils.state import State, read_text, write_text


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "count": {"type": "int", "required": True},
            "size_kib": {"type": "int", "default": 2048},
            "state_file": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    count, size = module.params["count"], module.params["size_kib"]
    file = f"/sys/kernel/mm/hugepages/hugepages-{size}kB/nr_hugepages"
    state = State.of(module)
    text = read_text(file)
    if text is None:
        module.fail_json(msg=f"{file}: this kernel has no huge pages of {size} KiB")
    before = int(text)
    if before >= count:
        module.exit_json(changed=False, before=before, after=before)
    if module.check_mode:
        module.exit_json(changed=True, before=before, after=count)
    change = state.find(kind="huge-pages", file=file)
    if change is None:
        state.record({"kind": "huge-pages", "file": file, "before": before, "after": count})
    else:
        change["after"] = count
        state.save()
    write_text(file, str(count))
    after = int(read_text(file) or 0)
    if after < count:
        module.fail_json(
            msg=f"only {after} of {count} huge pages of {size} KiB could be reserved: memory is used or fragmented; free some, or reboot",
            before=before,
            after=after,
        )
    module.exit_json(changed=True, before=before, after=after)


if __name__ == "__main__":
    main()
