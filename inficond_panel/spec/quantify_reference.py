"""The reference page of runs: ``python -m inficond_panel.spec.quantify_reference`` writes it."""

from __future__ import annotations

import sys

from inficond_panel.spec.reference import reference
from inficond_panel.spec.sections.quantify import RunSpec

_INTRODUCTION = """# The spec of a training run

<!-- Written by `make docs` from the classes in inficond_panel/spec/sections/quantify.py; edit those. -->

One YAML file says what `inficond quantify run` measures; see [quantify.md](quantify.md).

- Every problem of a file is told at once, as `file:line:column`.
- A relative path starts from the folder of the file.
"""  # noqa: E501


def run_reference() -> str:
    """Text of docs/quantify-spec.md."""
    return reference(RunSpec, _INTRODUCTION)


if __name__ == "__main__":
    sys.stdout.write(run_reference())
