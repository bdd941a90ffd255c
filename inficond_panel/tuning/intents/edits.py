"""The edits file: a list of iterations, each a list of intents, in YAML.

- - {class: bicycle, concept: wheel, direction: up, factor: 2}
  - {class: bicycle, concept: road, direction: remove}
  - {class: bicycle, concept: sky, direction: down, bound: -0.46}
  - {class: bicycle, concept: lane, direction: release}
- - {class: tv monitor, concepts: [bookshelf, bookcase], direction: down}
  - {classes: all, concept: traffic light, direction: remove}
- - {class: truck, concepts: [road, car], direction: balance}
  - {class: truck, direction: doubt, value: auto}
  - {class: truck, direction: lambda, value: 0.003}
  - {class: truck, image: 000123.jpg, direction: label, value: 1}
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import Node

from inficond_panel.errors import EditsError, SpecError
from inficond_panel.spec.framework.yaml_source import compose, faults
from inficond_panel.store import Store
from inficond_panel.tuning.intents.asked import Asked
from inficond_panel.tuning.intents.edit_reader import INTENT, EditReader

REMEDY = f"An edits file is a list of iterations, each a list of {INTENT}."


def read_edits(path: str | Path, store: Store) -> list[list[Asked]]:
    """The iterations of an edits file, checked against the names in ``store``.

    Raises ``EditsError`` with all problems of the file at once, each at its line and column.
    """
    file = Path(path)
    root = _compose(file)
    reader = EditReader(
        file,
        {
            "class": dict.fromkeys(store.classes),
            "concept": dict.fromkeys(store.concepts),
            "image": dict.fromkeys(store.images),
        },
    )
    for node, message in faults(root):
        reader.report(node, message)
    iterations = reader.iterations(root)
    if reader.problems:
        problems = sorted(set(reader.problems), key=lambda p: (p.line, p.column, p.message))
        raise EditsError(problems, REMEDY)
    return iterations


def dump_edits(iterations: Iterable[Sequence[Asked]]) -> str:
    """YAML that ``read_edits`` reads back as the same intents."""
    return _yaml([[_given(asked) for asked in batch] for batch in iterations], flow=None)


def dump_intent(asked: Asked) -> str:
    """An intent as one line of an edits file, without its dash."""
    return _yaml(_given(asked), flow=True).rstrip("\n")


def _given(asked: Asked) -> dict[str, Any]:
    return {key: value for key, value in asked.to_json().items() if value is not None}


def _yaml(plain: Any, flow: bool | None) -> str:
    yaml, stream = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style, yaml.width = flow, 10_000
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(plain, stream)
    return stream.getvalue()


def _compose(file: Path) -> Node:
    try:
        return compose(file, "an edits file starts with '- - {class: ...'")
    except SpecError as error:
        raise EditsError(error.problems, REMEDY) from None
