"""The reference page: ``python -m inficond_panel.study.spec.reference`` writes it to stdout."""

from __future__ import annotations

import sys

from inficond_panel.spec.reference import reference
from inficond_panel.study.spec.study_spec import StudySpec

_INTRODUCTION = """# The spec of a study

<!-- Written by `make docs` from the classes in inficond_panel/study; edit those. -->

One YAML file says everything about a study; see [study.md](study.md) for how one is set up, and
`specs/studies/inficond.yaml` for a complete example.

- `inficond check STUDY` reports every problem of a file at once, as `file:line:column`, and holds
  it against the store.
- A relative path starts from the folder of the file.
- `inficond_panel.spec.json_schema(StudySpec, "Study")` gives the same as JSON Schema.
"""


def study_reference() -> str:
    """Text of docs/study-spec.md."""
    return reference(StudySpec, _INTRODUCTION)


if __name__ == "__main__":
    sys.stdout.write(study_reference())
