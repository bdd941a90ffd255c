"""Store of photos, a teacher and concepts that are Python objects: writes its spec and tables."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from inficond_panel.common import tables
from inficond_panel.common.files import write_whole
from inficond_panel.common.installation import needs
from inficond_panel.common.names import name_key, name_text
from inficond_panel.common.teacher_outputs import outputs_of
from inficond_panel.common.user_code import fault_text
from inficond_panel.errors import DataError, OrderError, SpecError, change_of_outputs
from inficond_panel.spec import Spec, load_spec
from inficond_panel.store import frame_checks as checks
from inficond_panel.store.images import UnreadableImage, decode
from inficond_panel.store.teacher_outputs import ORDER_REMEDY
from inficond_panel.vocabulary.splits import FIT

#: Photos per call of the teacher.
BATCH = 16
#: Columns of the table of photos; no class may have one of these names.
_PATH, _ID, _SPLIT = "path of the photo", "name of the photo", "split of the photo"
_REMEDY = (
    "Correct the arguments; rows are matched by image id. `inficond docs notebook` has an example."
)

#: Function from n RGB photos to logits (n, K), with classes in the order of the labels' columns.
RunTeacher = Callable[[list[Image.Image]], Any]


def write_built(
    folder: Path,
    files: Mapping[str, Path],
    labels: pd.DataFrame,
    split: pd.Series | None,
    words: Sequence[str],
    encoder: str,
    teacher: RunTeacher | pd.DataFrame,
    settings: Mapping[str, Any],
) -> Spec:
    """Write spec, concepts and tables to ``folder``, compute the store, and return the spec.

    ``files`` are the photos by image id, ``words`` the concepts; ``settings`` has the keys
    ``title``, ``task``, ``activation``, ``outputs``, ``order``, ``device``. A folder that holds
    another build is not changed. Raises ``DataError``, which names all faults of the frames, before
    any file is written; ``MissingExtraError``; and the errors of ``precompute.run``.
    """
    names, labels, split = _checked(files, labels, split, words)
    table = tables.as_table(teacher)
    with needs("Building a store", "precompute"):
        import precompute  # noqa: PLC0415 - heavy, and an extra
        from precompute.detect.models import choose_encoder  # noqa: PLC0415
    chosen = choose_encoder(encoder, [], lambda path: str(path.absolute()))
    logits = _run(teacher, files, names) if table is None else _table(teacher, table)
    fresh = not folder.exists()
    _write(
        folder,
        {
            "photos.csv": _photos(files, labels.set_axis(names, axis=1), split),
            "words.txt": "\n".join(words) + "\n",
            "logits.csv": logits.to_csv(index_label="image_id", lineterminator="\n"),
            "spec.yaml": _spec(names, split, chosen.keys, settings),
        },
    )
    try:
        spec = load_spec(folder / "spec.yaml")
        precompute.run(spec, spec.store, progress=_note)
    except (DataError, SpecError) as error:  # so that the arguments can be corrected
        if fresh:
            shutil.rmtree(folder)
        if isinstance(error, OrderError):
            raise _in_python(error, names, table is not None) from error
        raise
    return spec


def _in_python(error: OrderError, classes: Sequence[str], of_table: bool) -> OrderError:
    """Return ``error`` with a remedy for callers of ``build``: how to reorder the outputs of a
    function, or of a table, or to change their sign."""
    what = "frame" if of_table else "function"
    if not error.right_names:
        text = change_of_outputs({}, f"the teacher's {what}")
        return OrderError(error.sentence, f"{text} {ORDER_REMEDY}")
    right = [error.right_names.get(name, name) for name in classes]
    columns = f"outputs[:, {[right.index(name) for name in classes]}]"
    text = f"Reorder the columns of the teacher's {what}: {columns}."
    return OrderError(error.sentence, f"{text} {ORDER_REMEDY}", error.right_names)


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _checked(
    files: Mapping[str, Path], labels: Any, split: Any, words: Sequence[str]
) -> tuple[list[str], pd.DataFrame, pd.Series | None]:
    """Return the names of the classes, and checked labels and split with a row per file;
    ``DataError`` names all faults."""
    table, divided = tables.as_table(labels), tables.as_column(split)
    _refuse(
        *checks.frame_faults("labels", labels, table),
        *(checks.split_faults(split, divided) if split is not None else ()),
    )
    assert table is not None, "refused by frame_faults"
    names = [name_text(name) for name in table.columns]
    labels = checks.keyed(table)
    split = None if split is None else checks.keyed(divided).map(name_key)
    ids = list(map(name_key, files))
    known = ids if split is None else [image for image in ids if split.get(image) != FIT]
    taken = {_PATH, _ID, _SPLIT} & set(labels.columns)
    broken = [word for word in words if not word.strip() or "\n" in word]
    _refuse(
        *checks.row_faults("labels", labels, ids, known, "the photos"),
        *checks.label_faults(labels),
        *(
            f"{image!r} is not in split"
            for image in ids
            if split is not None and image not in split
        ),
        *(f"no class can be called {name!r}" for name in sorted(taken)),
        *(f"the concept {word!r} is not a line of text" for word in broken),
        *([] if words else ["there is no concept"]),
    )
    return names, labels.reindex(ids), None if split is None else split.loc[ids]


def _table(teacher: Any, table: pd.DataFrame) -> pd.DataFrame:
    """Return the teacher's outputs in a table, checked; ``DataError`` names all faults."""
    _refuse(*checks.frame_faults("teacher", teacher, table))
    names = {axis: list(map(name_text, table.axes[axis])) for axis in (0, 1)}
    return table.set_axis(names[0], axis=0).set_axis(names[1], axis=1)


def _run(teacher: RunTeacher, files: Mapping[str, Path], classes: Sequence[str]) -> pd.DataFrame:
    """Return the teacher's outputs (photos, classes); ``DataError`` if the teacher fails."""
    ids, rows = list(files), []
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        photos = [_photo(image, files[image]) for image in some]
        try:
            outputs = teacher(photos)
        except Exception as error:  # the function is the user's, and may raise anything
            raise DataError(
                f"The teacher fails on photos, the first is {some[0]!r}: {fault_text(error)}",
                "Give a function from a list of RGB images (Pillow) to logits (photos, classes).",
            ) from error
        rows.append(_outputs(outputs, some, len(classes)))
    return pd.DataFrame(np.concatenate(rows), index=pd.Index(ids), columns=list(classes))


def _photo(image: str, file: Path) -> Image.Image:
    try:
        return decode(file)
    except UnreadableImage as error:
        raise DataError(
            f"The photo of {image!r} cannot be read: {file}: {error}.",
            "Replace the file, or leave the photo out.",
        ) from error


def _outputs(returned: Any, some: Sequence[str], classes: int) -> np.ndarray:
    """Return the outputs of one batch as float32 ``(photos, classes)``; checks the shape."""
    values = outputs_of(returned, "The teacher")
    if values.shape != (len(some), classes):
        raise DataError(
            f"The teacher returns {values.shape} for {len(some)} photos; expected "
            f"({len(some)}, {classes}), one column for each column of labels, in the same order.",
            "Have the teacher return only the columns of the labelled classes.",
        )
    broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(broken):
        raise DataError(
            f"The teacher returns no finite numbers for {some[broken[0]]!r}.",
            "Check what the teacher computes for this photo.",
        )
    return values


def _photos(files: Mapping[str, Path], labels: pd.DataFrame, split: pd.Series | None) -> str:
    """Return the CSV table of photos: path, id, split if set, and labels (empty: unknown)."""
    photos = {_PATH: list(map(str, files.values())), _ID: list(files)}
    photos |= {} if split is None else {_SPLIT: list(split)}
    known = labels.astype(float).astype("Int64")
    table = pd.concat([pd.DataFrame(photos, labels.index), known], axis=1)
    return table.to_csv(index=False, lineterminator="\n")


def _spec(
    classes: Sequence[str],
    split: pd.Series | None,
    encoder: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> str:
    """Return the text of the spec as JSON, which is valid YAML."""
    shares = {
        "fit": {"from": "all", "share": 0.6, "seed": 0, "stratify": True},
        "tune": {"from": "all", "share": 0.2, "seed": 0, "stratify": True},
        "holdout": "rest",
    }
    splits = {name: {"column": _SPLIT, "value": name} for name in shares}
    teacher = {"kind": "logits", "path": "logits.csv", "activation": settings["activation"]}
    dataset = {"kind": "columns", "task": settings["task"], "root": ".", "table": "photos.csv"}
    dataset |= {"path": _PATH, "image_id": _ID, "labels": list(classes), "max_bad_share": 0}
    document = {
        "title": settings["title"],
        "dataset": {**dataset, "splits": shares if split is None else splits},
        "concepts": {"corpus": "words.txt", "encoder": dict(encoder)},
        "device": settings["device"],
        "teacher": teacher | {key: settings[key] for key in ("outputs", "order") if settings[key]},
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the texts to files of ``folder``; ``DataError`` if it holds other content."""
    old = {name: folder / name for name in texts if (folder / name).is_file()}
    same = all(path.read_text(encoding="utf-8") == texts[name] for name, path in old.items())
    if folder.exists() and (not same or (not old and any(folder.iterdir()))):
        raise DataError(
            f"{folder} already exists with other content.", "Name another folder, or remove it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_whole(folder / name, text.encode())


def _refuse(*faults: str) -> None:
    if faults:
        reasons = faults[0] if len(faults) == 1 else "".join(f"\n- {fault}" for fault in faults)
        raise DataError(f"Students cannot be built: {reasons}", _REMEDY)
