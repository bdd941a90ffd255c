"""Arguments of a script's calls: names, with errors that suggest the nearest; intents; answers.

Intents are tuples or mappings, single or in a list. Answers are to questions of a data frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd

from inficond_panel.common.names import by_key, equal_names, name_key, name_text, pair_text
from inficond_panel.common.near_words import unknown
from inficond_panel.common.tables import as_array, as_column, as_table, type_name
from inficond_panel.errors import DataError, TuningError
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning import GroupIntent, Intent, Meant, Node, Tuner
from inficond_panel.tuning.answer_files import answer_of, asked_columns, asked_rows, read_answers
from inficond_panel.tuning.answers import Answers, Teaching, photos_to_ask
from inficond_panel.tuning.edits import Edit, edit_from_json
from inficond_panel.tuning.edits_file import EVERY as ALL_CLASSES
from inficond_panel.tuning.repairs.kinds import REPAIRS
from inficond_panel.tuning.thumbs import known_name, names_of
from inficond_panel.vocabulary.intents import DIRECTIONS
from inficond_panel.wording.repairs import teaching_sentences

One = TypeVar("One", bound=str | Path)


def check_word(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise ``TuningError``, with the nearest name, if ``name`` is not among ``known``."""
    words = list(known)
    if name not in words:
        raise TuningError(*unknown(kind, name, words))


def several(names: One | Iterable[One]) -> list[One]:
    """Return names or files as a list; a single name, or number, becomes a list of one."""
    return [names] if isinstance(names, Path) else names_of(names)


def photos_or_rows(store: Store, photos: object) -> list[Any]:
    """Return what ``predict.score_photos`` takes: paths of photos; or, for a store whose scores
    were given as tables, data frames and paths of tables."""
    if store.given and not isinstance(photos, str | Path):
        return list(photos) if isinstance(photos, list | tuple) else [photos]
    return list(photo_files(cast("str | Path", photos)))


def photo_files(photos: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return one photo's path or several as a list; raise ``DataError`` for images and arrays."""
    try:
        return [Path(photo) for photo in several(photos)]
    except TypeError as error:
        raise DataError(
            f"Photos are paths of files: {error}.", "Save each image to a file, and name the file."
        ) from None


def some(names: str | Iterable[str] | None) -> list[str] | None:
    """Return one name or several names as a list; None, which means all, stays None."""
    return None if names is None else several(names)


def as_scores(X: object) -> np.ndarray:
    """Return scores in a frame, array or tensor as an array of floats.

    Raises ``DataError``, with the call that converts them, for anything else.
    """
    try:
        if isinstance(X, pd.DataFrame):
            return X.astype(np.float64).to_numpy()
        values = as_array(X)
        return values if values.dtype.kind == "f" else values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"X is {type_name(X)}, and no table or array of numbers: {error}.",
            "Give a table with one column for each concept, such as pandas.DataFrame(X), or an "
            "array (images, concepts).",
        ) from None


#: Wildcard in place of a class name: all classes, unless a class has this name.
EVERY = "*"
_HOW = (
    'Write ("class", "concept", "up"), with an optional factor at the end, a mapping as in an '
    "edits file (`inficond docs repair`), or a list of these."
)


def as_asked(intents: Edit | Iterable[object], classes: Sequence[str]) -> list[Edit]:
    """Return the edits of a batch from one intent or several, as a script writes them.

    Class ``*`` means each of ``classes``. A mapping may have ``classes``, as in an edits file: a
    list, or "all". Raises ``TuningError`` for an invalid intent.
    """
    every = set(classes).isdisjoint({EVERY})
    return [
        replace(item, class_name=name)
        for item in _written(intents, classes)
        for name in (classes if every and item.class_name == EVERY else [item.class_name])
    ]


def _written(intents: Edit | Iterable[object], classes: Sequence[str]) -> list[Edit]:
    if isinstance(intents, Edit):
        return [intents]
    alone = isinstance(intents, Mapping) or (
        isinstance(intents, tuple) and bool(intents) and _is_name(intents[0])
    )
    try:
        several = [intents] if alone else intents
        return [_one(each) for item in several for each in _by_class(item, classes)]
    except TuningError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise TuningError(f"{intents!r} is not an intent: {error}.", _HOW) from error


def _by_class(item: Any, every: Sequence[str]) -> list[Any]:
    """Split a mapping with ``classes`` into one mapping per class; else return ``[item]``."""
    if not isinstance(item, Mapping) or "classes" not in item:
        return [item]
    rest = {key: value for key, value in item.items() if key != "classes"}
    classes = every if item["classes"] == ALL_CLASSES else item["classes"]
    if "class" in item or isinstance(classes, str) or not classes:
        raise TuningError(f"{item!r} is not an intent.", _HOW)
    return [{**rest, "class": name} for name in classes]


def _one(item: Any) -> Edit:
    if isinstance(item, Edit):
        return item
    if isinstance(item, Mapping):
        return _from_mapping(item)
    if isinstance(item, str) or not 3 <= len(item) <= 5:
        raise TuningError(f"{item!r} is not an intent.", _HOW)
    class_name, concept, *rest = item
    if _is_name(concept):
        return Intent(class_name, concept, *rest)
    names = tuple(concept)
    if len(names) == 1:
        return Intent(class_name, names[0], *rest)
    return GroupIntent(class_name, names, *rest)


def _is_name(value: object) -> bool:
    """Return True for a text or a number; False for a list, a mapping or an edit."""
    return not isinstance(value, Edit) and (
        isinstance(value, str) or not isinstance(value, Iterable)
    )


def _from_mapping(item: Mapping[str, Any]) -> Edit:
    if "meant" in item:
        return Meant(item["class"], item["meant"])
    concepts, direction = item.get("concepts"), item["direction"]
    if direction not in {**DIRECTIONS, **REPAIRS}:
        raise ValueError(f"unknown direction {direction!r}")
    if concepts is not None and direction in DIRECTIONS:
        return GroupIntent(
            item["class"], concepts, direction, item.get("factor"), item.get("bound")
        )
    return edit_from_json(item)


@dataclass(frozen=True, repr=False)
class ShownTeaching(Teaching):
    """Result of ``teach``: errors on the answered photos before and after the refit."""

    def __str__(self) -> str:
        return "\n".join(teaching_sentences(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in teaching_sentences(self))


def asked_frame(
    tuner: Tuner, node: Node, class_name: str, most: int, folder: str | Path | None
) -> pd.DataFrame:
    """Return a frame of up to ``most`` photos to label, with an empty column ``answer``; their
    thumbnails are written to ``folder``, if any."""
    class_name = known_name("class", class_name, tuner.store.classes)
    tuner.repairs.check_labels_taken()
    asked = photos_to_ask(tuner.repairs.class_fit(node, class_name), most)
    rows = asked_rows(tuner.store, class_name, asked, None if folder is None else Path(folder))
    frame = pd.DataFrame(rows, columns=list(asked_columns(tuner.store, asked))).set_index("image")
    return frame.assign(answer=pd.array([pd.NA] * len(frame), dtype="Int64"))


def answers_of(
    store: Store, class_name: str, given: Mapping[str, object] | pd.DataFrame | str | Path
) -> Answers:
    """Return the ``Answers`` on a class from a mapping by image, a data frame or a CSV file.

    Raises ``TuningError`` for an invalid answer, and for a frame of another class.
    """
    class_name = known_name("class", class_name, store.classes)
    if isinstance(given, str | Path):
        return read_answers(given, class_name, store)
    frame = as_table(given, "image")
    if frame is None:
        frame = pd.DataFrame({"answer": _by_image(given)})
    frame = frame.rename(columns=name_key)
    frame = frame.set_index("image") if "image" in frame else frame
    if "answer" not in frame:
        raise TuningError("The frame has no column 'answer'.", "Fill in the frame of students.ask.")
    named = map(name_text, frame.get("class", ()))
    if others := [name for name in named if name_key(name) != name_key(class_name)]:
        raise TuningError(
            f"The frame has answers on {min(map(repr, others))}, not on {class_name!r}.",
            "Call students.teach with the class that the frame's column 'class' names.",
        )
    if twice := equal_names(frame.index):
        raise TuningError(
            f"The image {pair_text(*twice[0])} has several answers.", "Give each image one answer."
        )
    known = by_key(AllImages(store).names)
    images = [known.get(name_key(image), name_text(image)) for image in frame.index]
    values = {
        image: _answer(image, one) for image, one in zip(images, frame["answer"], strict=True)
    }
    why = map(str, frame["why"]) if "why" in frame else ()
    return Answers(class_name, values, dict(zip(images, why, strict=False)))


def _by_image(given: Any) -> pd.Series:
    """Return answers in a mapping or column as series by image; ``TuningError`` for others."""
    column = as_column(given, "image")
    if not isinstance(column, pd.Series):
        raise TuningError(
            f"answers is {type_name(given)}, not answers by image.",
            "Give a mapping from image to 1, 0 or None, or the filled-in frame of students.ask.",
        )
    return column


def _answer(image: object, value: object) -> int | None:
    try:
        return answer_of(value)
    except KeyError:
        raise TuningError(
            f"The answer on image {image!r} is {value!r}.",
            "Give 1 or True if the class is present, 0 or False if it is absent, None to skip the "
            "image.",
        ) from None
