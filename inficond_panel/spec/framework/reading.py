"""State of the reading of a file, which sections and types share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import Node

from inficond_panel.errors import Problem
from inficond_panel.spec.framework.phrases import hint

Nodes = dict[str, tuple[Node, Node]]
#: A file with more problems than this gets no more hints.
_MOST_HINTS = 100
_LONGEST = 200


@dataclass
class Reading:
    """State of the reading of one section: file, place, problems, and values so far."""

    file: Path
    check_files: bool
    where: str = ""
    problems: dict[Problem, None] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    nodes: Nodes = field(default_factory=dict)

    def inside(self, key: str) -> Reading:
        """Return the reading of the section below a key."""
        return replace(self, where=self.at(key), values={})

    def at(self, key: str) -> str:
        """Full name of a key of this section, such as ``students.lambda``."""
        return ".".join(part for part in (self.where, key) if part)

    def report(self, node: Node, key: str, message: str) -> None:
        """Note a problem at a node, once."""
        mark, where = node.start_mark, self.at(key)
        where = where if len(where) <= _LONGEST else f"{where[:_LONGEST]}..."
        text = f"{where}: {message}" if where else message
        self.problems[Problem(self.file, mark.line + 1, mark.column + 1, text)] = None

    def place(self, key: str) -> tuple[Node, Node]:
        """Nodes of a key of this section and its value; of a missing key, the nodes of the section
        that it would be in."""
        full = self.at(key)
        while full not in self.nodes:
            full = full.rpartition(".")[0]
        return self.nodes[full]

    def hint(self, word: str, words: list[str]) -> str:
        """As ``hint``, for the first problems of a file: of thousands it would take minutes."""
        return hint(word, words) if len(self.problems) < _MOST_HINTS else ""

    @property
    def data_optional(self) -> bool:
        """True if what only precompute reads may be missing here."""
        return not self.check_files and bool(self.where)
