"""Pockets that are kept beside a history, where the page finds them, and what their cards say.

They lie in folders of the folder ``NAME.pockets``, as ``inficond pocket`` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from inficond_panel.common.database import is_path
from inficond_panel.common.files import read_text
from inficond_panel.common.folders import DiskFolder
from inficond_panel.common.installation import needs
from inficond_panel.common.interval import Interval
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number
from inficond_panel.errors import POCKET_ELSEWHERE, DataError
from inficond_panel.export.network.folder import CARD_JSON
from inficond_panel.export.pocket.certificate import (
    POCKET_ROW,
    SMALL_ROW,
    STUDENTS_ROW,
    TEACHER_ROW,
)
from inficond_panel.export.pocket.folder import MODEL
from inficond_panel.spec import Spec
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.history.history import folder_beside
from inficond_panel.vocabulary.metrics import AP, METRICS
from inficond_panel.vocabulary.splits import IMAGES_OF

#: Largest card that is read, in bytes.
_MOST_BYTES = 10_000_000
#: How the rows of other models are named in a sentence.
_OTHERS = {TEACHER_ROW: "the teacher", STUDENTS_ROW: "the students' encoder"}


@dataclass(frozen=True, eq=False)
class KeptPocket:
    """A pocket in a ``folder``, with its ``card`` as plain data."""

    folder: Path
    card: Mapping[str, Any]

    @property
    def trunk(self) -> str:
        """Name of the trunk."""
        return str(self.card["trunk"]["name"])

    @property
    def side(self) -> int:
        """Width of the input in pixels."""
        return int(self.card["preprocessing"]["size"][0])

    @property
    def name(self) -> str:
        """Words for the pocket among others of the same students."""
        return f"{self.trunk}, {self.side} pixels"

    @property
    def lines(self) -> list[str]:
        """Two sentences: the AP beside the students', and what a photo costs beside others."""
        return [self._quality(), self._cost()]

    def _quality(self) -> str:
        """Return ``Mean AP 0.836 → 0.665: −17.1 points [−18.5, −14.5] on the tuning images``."""
        row = self._rows["quality"][POCKET_ROW]
        of, low, high = (_number(row[f"ap_change{end}"]) for end in ("", "_low", "_high"))
        before = _number(self._rows["quality"][STUDENTS_ROW][AP.key])
        by, limits = Interval(of, low, high).change(METRICS[AP.key].unit)
        return (
            f"Mean AP {number(before)} → {number(_number(row[AP.key]))}: {by} {limits} on the "
            f"{IMAGES_OF[self.card['split']]}."
        )

    def _cost(self) -> str:
        """Return ``17.4 ms per photo, 18.7 MB; cheaper than the students' encoder (29.3 ms)``, with
        the figures of 8 bits in parentheses, if there are any."""
        rows = self._rows["cost"]
        own, small = rows[POCKET_ROW], rows.get(SMALL_ROW)
        bits = f" (in 8 bits {_figures(small)})" if small else ""
        beside = listed(list(_beside(rows, own["milliseconds"])), len(_OTHERS))
        return f"{_figures(own)}{bits}; {beside}."

    @cached_property
    def _rows(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        """Rows of the card's tables of quality and cost, by model."""
        return {
            table: {row["model"]: row for row in self.card[table]["rows"]}
            for table in ("quality", "cost")
        }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _figures(row: Mapping[str, Any]) -> str:
    return f"{row['milliseconds']:.1f} ms per photo, {row['megabytes']:.1f} MB"


def _beside(rows: Mapping[str, Mapping[str, Any]], own: float) -> Iterator[str]:
    """Yield what the time ``own`` is beside the time of each other model, the slowest first."""
    times = {name: rows.get(name, {}).get("milliseconds") for name in _OTHERS}
    for name in sorted(_OTHERS, key=lambda name: -(times[name] or 0)):
        time = times[name]
        if time is None:
            yield f"the time of {_OTHERS[name]} was not measured"
        else:
            than = "cheaper" if own < time else "not cheaper"
            yield f"{than} than {_OTHERS[name]} ({time:.1f} ms)"


def pockets_folder(history: str | Path) -> Path | None:
    """Return the folder of a history's pockets; None for a history that is no file."""
    folder = folder_beside(history, "pockets") if is_path(history) else None
    return folder.path if isinstance(folder, DiskFolder) else None


def kept_pockets(tuner: Tuner, node: Node, folder: Path) -> list[KeptPocket]:
    """Return the pockets in a folder that have the students of ``node``, by size and trunk; of
    equal ones the newest."""
    cards = [*folder.glob(f"*/{CARD_JSON}"), *folder.glob(f"*/*/{CARD_JSON}")]
    found = {}
    for file in sorted(cards, key=_written):
        kept = _read(file, tuner, node)
        if kept is not None:
            found[kept.side, kept.trunk] = kept
    return [found[key] for key in sorted(found)]


def _written(card: Path) -> int:
    """Return when a card was written, in nanoseconds; 0 for one that was deleted since."""
    try:
        return card.stat().st_mtime_ns
    except OSError:
        return 0


def _read(card: Path, tuner: Tuner, node: Node) -> KeptPocket | None:
    """Return the pocket of a card; None for another card or other students, and for a card that
    cannot be read."""
    try:
        kept = KeptPocket(card.parent, json.loads(read_text(card, _MOST_BYTES)))
        complete = bool(kept.lines and kept.side) and (kept.folder / MODEL).is_file()
        return kept if complete and _belongs(kept, tuner, node) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def _belongs(kept: KeptPocket, tuner: Tuner, node: Node) -> bool:
    students = {key: kept.card["node"].get(key) for key in ("id", "weights_hash")}
    store = kept.card["store"]["content_hash"]
    return students == {"id": node.id, "weights_hash": node.weights_hash} and (
        store == tuner.store.content_hash
    )


def trunks_here(spec: Spec) -> list[str]:
    """Return the names of the trunks that a pocket of a spec can have on this machine, without a
    file of weights.

    Raises ``MissingExtraError`` without the packages, ``SpecError`` for a store without photos, and
    ``DataError`` if the photos or all trunks are missing. Loads no network.
    """
    with needs("A small network", "precompute", "onnx"):
        import onnx  # noqa: F401, PLC0415 - an extra
        import onnxruntime  # noqa: F401, PLC0415 - an extra

        from precompute.teachers.trunk import trunks_with  # noqa: PLC0415 - an extra
    spec.check_photos()
    sections = spec.dataset.files() if spec.dataset else ()
    lost = [f"dataset.{key} ({path.name})" for key, path, _ in sections if not path.exists()]
    if lost:
        raise DataError(f"These are not on this machine: {listed(lost, 5)}.", POCKET_ELSEWHERE)
    return trunks_with(None if spec.concepts.of_words else spec.concepts.encoder)
