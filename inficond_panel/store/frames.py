"""Write a store from tables of concept scores, teacher logits and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from inficond_panel.common import clock, tables
from inficond_panel.common.files import named
from inficond_panel.common.names import name_key, name_text, positions
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import as_text
from inficond_panel.common.places import has_store, is_remote, place_of
from inficond_panel.common.teacher_outputs import logits_of
from inficond_panel.errors import DataError, Remedy
from inficond_panel.store import frame_checks as checks
from inficond_panel.store.images import thumbnail_arrays
from inficond_panel.store.missing_codes import code_warning
from inficond_panel.store.near_images import (
    NearImages,
    check_across,
    joined,
    listing_of,
    near_images,
)
from inficond_panel.store.near_scores import Pairs, near_equal
from inficond_panel.store.opening import open_store
from inficond_panel.store.schema import GIVEN, array_hash, content_hash
from inficond_panel.store.store import Store
from inficond_panel.store.teacher_outputs import ORDER_REMEDY, hold_outputs
from inficond_panel.store.write import only_run, write_store
from inficond_panel.version import __version__
from inficond_panel.vocabulary.splits import ACROSS, ERROR, FIT
from inficond_panel.vocabulary.tasks import ACTIVATIONS, AS_GIVEN, SINGLE_LABEL, TASKS

#: Longer side of a thumbnail in pixels, and its JPEG quality: the defaults of a spec.
_SIDE, _QUALITY = 256, 80
#: How to go on with near-equal images in different splits.
_ALLOWED = Remedy(
    "--across-splits allow. If a column of the metadata says which belong together, such as "
    "patient, name it: --near-duplicates patient. If they are no copies: --near-duplicates false",
    'across_splits="allow". If a column says which belong together, such as patient, name it: '
    'near_duplicates="patient". If they are no copies: near_duplicates=False',
)
_REMEDY = (
    "Correct the tables; rows are matched by image id. `inficond docs notebook` has an example."
)
_SAY_OUTPUTS = Remedy(
    "If the logits are probabilities, add --outputs probabilities; if they are true logits, "
    "--outputs logits. ",
    'If the logits are probabilities, pass outputs="probabilities"; if they are true logits, '
    'outputs="logits". ',
)


def store_frames(
    path: Path,
    scores: pd.DataFrame,
    logits: pd.DataFrame,
    labels: pd.DataFrame,
    split: pd.Series,
    images: Mapping[str, Any] | pd.Series | None = None,
    metadata: pd.DataFrame | None = None,
    captions: Mapping[str, Any] | pd.Series | None = None,
    *,
    made_by: str,
    title: str = "",
    task: str = TASKS[0],
    activation: str = ACTIVATIONS[0],
    outputs: str | None = None,
    order: str | None = None,
    near_duplicates: str | Literal[False] | None = None,
    across_splits: str = ERROR,
) -> Store:
    """Write a store of these frames to ``path``, completely or not at all, and open the store.

    Arguments as in ``inficond_panel.from_frames``. An existing store of equal content is opened.
    Raises ``DataError`` with all faults of the frames, for unreadable photos, and if ``path`` has
    other content; ``OrderError`` if the logits fit the labels better in another order;
    ``ExportError`` if the path is not writable, and ``StoreError`` if another process writes it.
    """
    _refuse(
        *checks.word_faults(
            task=(task, TASKS),
            activation=(activation, ACTIVATIONS),
            outputs=(outputs, (None, "logits", "probabilities")),
            order=(order, (None, AS_GIVEN)),
            across_splits=(across_splits, ACROSS),
        )
    )
    words = {"task": task, "teacher_activation": activation}
    arrays = _arrays(
        scores, logits, labels, split, images, metadata, captions, **words, outputs=outputs
    )
    if order is None:
        _check_order(arrays, task, activation)
    near, path = _group(arrays, near_duplicates), place_of(path)
    check_across(near, across_splits, _ALLOWED, None if is_remote(str(path)) else listing_of(path))
    changed = {name: word for name, word in words.items() if word not in (TASKS[0], ACTIVATIONS[0])}
    fit = arrays["concept_score"][arrays["split"] == FIT]
    concepts = list(map(str, arrays["concept"]))
    codes = code_warning(arrays["concept_score"], concepts)
    warnings = [*checks.scale_warnings(fit, concepts), *[codes] * bool(codes)]
    digest = content_hash({name: array_hash(values) for name, values in arrays.items()})
    facts = {
        "title": title or path.name.removesuffix(".zarr"),
        "history": f"{clock.stamp()} {made_by}, version {__version__}",
        "encoder": "none: the scores were given",
        "preprocessing": "none",
        "corpus": "columns of the scores",
        "teacher": "logits that were given",
        "scores": {"method": GIVEN},
        "inputs_hash": digest,
        "near_across": list(near.across),
        **({"warnings": warnings} if warnings else {}),
        **changed,
        **({"teacher_order": order} if order else {}),
    }
    if not has_store(path):
        with named(path), only_run(path):
            if not has_store(path):  # another process may have written it meanwhile
                write_store(path, arrays, facts)
    store = open_store(path)
    if store.content_hash != digest or (store.task, store.activation) != (task, activation):
        raise DataError(
            f"{path} already exists with other content.", "Name another path, or remove this store."
        )
    return store


def _group(arrays: dict[str, np.ndarray], column: str | Literal[False] | None) -> NearImages:
    """Add the groups of near-equal images to ``arrays``, if there are any; return the groups: by
    the ``column`` of the metadata; None: by scores; False: none."""
    pairs, texts = list[Pairs](), None
    if column is None:
        pairs = [near_equal(arrays["concept_score"], arrays["teacher_logit"])]
    elif column is not False:
        names = [str(name) for name in arrays.get("metadata_column", ())]
        at = positions(names).get(name_key(column))
        if at is None:
            there = ", ".join(map(repr, names)) or "none"
            _refuse(f"near_duplicates names {column!r}; columns of metadata: {there}")
        texts = [str(text) for text in arrays["metadata"][:, at]]
    group = joined(pairs, texts, len(arrays["image"]))
    near = near_images(group, arrays["split"], [str(name) for name in arrays["image"]])
    if near.groups:
        arrays["near_group"] = group
    return near


def _check_order(arrays: Mapping[str, np.ndarray], task: str, activation: str) -> None:
    """Raise ``OrderError`` if the logits fit the labels better in another order of the classes."""
    order = hold_outputs(
        arrays["teacher_logit"],
        arrays["label"],
        arrays["split"],
        list(map(str, arrays["class_name"])),
        single=task == SINGLE_LABEL,
        softmax=activation == "softmax",
        other=arrays.get("other_logit"),
    )
    if order:
        raise order.error(f"{order.change_of('logits')} {ORDER_REMEDY}")


def _arrays(
    scores: pd.DataFrame,
    logits: pd.DataFrame,
    labels: pd.DataFrame,
    split: pd.Series,
    photos: Mapping[str, Any] | pd.Series | None,
    metadata: pd.DataFrame | None,
    captions: Mapping[str, Any] | pd.Series | None,
    *,
    task: str,
    teacher_activation: str,
    outputs: str | None,
) -> dict[str, np.ndarray]:
    """Check the tables; return the arrays of their store by name, images ordered as ``split``."""
    given = {"scores": scores, "logits": logits, "labels": labels}
    given |= {} if metadata is None else {"metadata": metadata}
    read = {name: tables.as_table(table) for name, table in given.items()}
    divided = tables.as_column(split)
    _refuse(
        *checks.split_faults(split, divided),
        *(
            fault
            for name, table in given.items()
            for fault in (checks.table_faults if name == "metadata" else checks.frame_faults)(
                name, table, read[name]
            )
        ),
    )
    found = {name: table for name, table in read.items() if table is not None}  # all: checked
    names = {name: list(map(name_text, table.columns)) for name, table in found.items()}
    images = list(map(name_text, divided.index))
    split = checks.keyed(divided).map(name_key)
    scores, logits, labels = (checks.keyed(found[name]) for name in ("scores", "logits", "labels"))
    ids = list(split.index)
    labelled = [image for image in ids if split[image] != FIT]  # fit: learned from the teacher
    files, texts = _by_image("images", photos, "paths"), _by_image("captions", captions, "texts")
    softmax = teacher_activation == "softmax"
    known_of = None if metadata is None else checks.keyed(found["metadata"])
    unlike_logits = list(checks.logit_faults(logits, outputs, softmax))
    _refuse(
        *checks.row_faults("scores", scores, ids, ids),
        *checks.row_faults("logits", logits, ids, ids),
        *checks.row_faults("labels", labels, ids, labelled),
        *(checks.row_faults("images", files, ids, ids) if files is not None else ()),
        *(checks.row_faults("captions", texts, ids, ids) if texts is not None else ()),
        *(checks.caption_faults(texts) if texts is not None else ()),
        *(checks.row_faults("metadata", known_of, ids, ids) if known_of is not None else ()),
        *checks.class_faults(logits, labels, softmax),
        *checks.number_faults("scores", scores),
        *checks.size_faults(scores),
        *checks.digit_faults(scores),
        *checks.number_faults("logits", logits),
        *unlike_logits,
        *checks.label_faults(labels),
        *checks.task_faults(labels, task, softmax),
        remedy=_SAY_OUTPUTS + _REMEDY if unlike_logits and outputs is None else _REMEDY,
    )
    shared = [name for name in logits.columns if name in labels.columns]
    others = [name for name in logits.columns if name not in labels.columns]
    values = logits.loc[ids].to_numpy(dtype=np.float64)
    if outputs == "probabilities":
        values = logits_of(values, softmax)
    logits = pd.DataFrame(values.astype(np.float32), index=ids, columns=logits.columns)
    written = dict(zip(logits.columns, names["logits"], strict=True))
    other_class = _text(written[name] for name in others)
    other = {"other_class": other_class, "other_logit": logits[others].to_numpy()}
    label = labels.reindex(index=ids, columns=shared).astype(float).fillna(-1).to_numpy(np.int8)
    checks.check_labels_kept(labels, label, shared)
    return {
        "image": _text(images),
        "concept": _text(names["scores"]),
        "class_name": _text(written[name] for name in shared),
        "concept_score": scores.loc[ids].to_numpy(dtype=np.float32),
        "teacher_logit": logits[shared].to_numpy(),
        **(other if others else {}),
        "label": label,
        "split": _text(split),
        **(_thumbnails(files[ids]) if files is not None else {}),
        **({"caption": _text(texts[ids].fillna(""))} if texts is not None else {}),
        **(_metadata(known_of.loc[ids], names["metadata"]) if known_of is not None else {}),
    }


def _metadata(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the store's arrays of metadata: column names, and texts per cell, "" if missing."""
    cells = frame.astype(object).where(frame.notna(), None).to_numpy()
    texts = [[as_text(cell) for cell in row] for row in cells.tolist()]
    values = np.array(texts, dtype=np.dtypes.StringDType()).reshape(frame.shape)
    return {"metadata_column": _text(columns), "metadata": values}


def _by_image(
    name: str, given: Mapping[str, Any] | pd.Series | None, values: str
) -> pd.Series | None:
    """Return the argument ``name``, a column of ``values``, as a series by image id; None for
    None."""
    if given is None:
        return None
    series = tables.as_column(given)
    if not isinstance(series, pd.Series):
        _refuse(checks.column_fault(name, given, values))
    _refuse(*checks.id_faults(name, series))
    return checks.keyed(series)


def _thumbnails(files: pd.Series) -> dict[str, np.ndarray]:
    """Return the store's arrays of thumbnails of the photos at the paths ``files``; raise
    ``DataError``, which names unreadable photos."""
    arrays, wrong = thumbnail_arrays(dict(files.items()), _SIDE, _QUALITY)
    _refuse(*([listed(wrong, between="\n- ")] if wrong else []))
    return arrays


def _text(names: Iterable[str]) -> np.ndarray:
    return np.array(list(names), dtype=np.dtypes.StringDType())


def _refuse(*faults: str, remedy: str = _REMEDY) -> None:
    if len(faults) == 1:
        raise DataError(f"No store can be made of these tables: {faults[0]}.", remedy)
    if faults:
        reasons = "".join(f"\n- {fault}" for fault in faults)
        raise DataError(f"No store can be made of these tables:{reasons}", remedy)
