"""Students over concept scores that come from elsewhere, given as pandas frames."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.api.students import TunableStudents, open_students
from inficond_panel.store.label_checks import one_class_note

if TYPE_CHECKING:
    import pandas as pd


def from_frames(
    scores: pd.DataFrame,
    logits: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    split: pd.Series,
    images: Mapping[str, str | Path] | pd.Series | None = None,
    metadata: pd.DataFrame | None = None,
    path: str | Path | None = None,
    task: str = "multi_label",
    activation: str = "sigmoid",
    outputs: str | None = None,
) -> TunableStudents:
    """Students over concept scores from anywhere: no photo and no encoder is needed.

    All arguments are indexed by image id; rows are matched by it, whatever their order.

    - ``scores``: one column per concept, any finite numbers, also below 0.
    - ``logits``: one column per class, the teacher's logits; or with ``outputs="probabilities"``
      its probabilities. What looks like probabilities or labels is an error unless ``outputs``
      is given.
    - ``labels``: the same columns, 1 present, 0 absent, missing: not known. Images of ``fit`` may
      lack, since the students learn from the teacher.
    - ``split``: ``fit`` (learned from), ``tune`` (on screen) or ``holdout``.
    - ``images``: paths of the photos, of which small pictures are kept. Without them the page shows
      image ids.
    - ``metadata``: columns of what else is known of each image, such as its camera; missing: not
      known. Metrics by slice and searches for images take them.
    - ``task``: ``"single_label"`` where each image has exactly one of the classes. Where nearly all
      have and it does not say so, a line on standard error tells.
    - ``activation``: ``"softmax"`` where the teacher's logits become probabilities by one softmax
      over all columns of ``logits``. These may then be more than those of ``labels``.

    The store is written to ``path``, whole or not at all, and its history will lie beside it;
    ``open_students(path)`` and every command open it again. A store of the same content that is
    there is opened as it is. Without ``path`` the store is temporary: it is removed when this
    process ends, and a line on standard error says so. Segments, masks and maps are not known.

    Raises ``DataError``, which names all faults at once, for frames that make no store, photos that
    cannot be read, and another store at ``path``; nothing is left half made.
    """
    from inficond_panel.store.frames import store_frames  # noqa: PLC0415 - reads pandas

    place = _temporary() if path is None else Path(path)
    given: dict[str, Any] = {"split": split, "images": images, "metadata": metadata}
    given |= {"task": task, "activation": activation, "outputs": outputs}
    store = store_frames(
        place, scores, logits, labels, **given, made_by="inficond_panel.from_frames"
    )
    if task == "multi_label" and (note := one_class_note(store.label, store.images)):
        sys.stderr.write(f"{note}\n")
    if path is None:
        sys.stderr.write(f"Temporary store: {place}; give path=... to keep it.\n")
    return open_students(place, store=place)


def _temporary() -> Path:
    """Place of a store in a new folder that is removed when this process ends."""
    folder = tempfile.mkdtemp(prefix="inficond-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder) / "own-scores.zarr"
