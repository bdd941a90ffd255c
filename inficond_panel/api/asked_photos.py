"""Photos to label for one class: the questions as a data frame, and answers from a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.answer_files import COLUMNS, answer_of, asked_rows, read_answers
from inficond_panel.tuning.answers import Answers, Teaching, photos_to_ask
from inficond_panel.tuning.thumbs import check_name
from inficond_panel.wording.repairs import teaching_sentences


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
    check_name("class", class_name, tuner.store.classes)
    tuner.repairs.check_labels_taken()
    asked = photos_to_ask(tuner.repairs.class_fit(node, class_name), most)
    rows = asked_rows(tuner.store, class_name, asked, None if folder is None else Path(folder))
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).set_index("image")
    return frame.assign(answer=pd.array([pd.NA] * len(frame), dtype="Int64"))


def answers_of(
    store: Store, class_name: str, given: Mapping[str, object] | pd.DataFrame | str | Path
) -> Answers:
    """Return the ``Answers`` on a class from a mapping by image, a data frame or a CSV file.

    Raises ``TuningError`` for an invalid answer, and for a frame of another class.
    """
    if isinstance(given, str | Path):
        return read_answers(given, class_name, store)
    if not isinstance(given, pd.DataFrame):
        return Answers(class_name, {image: _answer(image, one) for image, one in given.items()})
    frame = given.set_index("image") if "image" in given else given
    if "answer" not in frame:
        raise TuningError("The frame has no column 'answer'.", "Fill in the frame of students.ask.")
    others = set(frame.get("class", pd.Series(dtype=object))) - {class_name}
    if others:
        raise TuningError(
            f"The frame has answers on {min(map(repr, others))}, not on {class_name!r}.",
            "Call students.teach with the class that the frame's column 'class' names.",
        )
    values = {str(image): _answer(image, one) for image, one in frame["answer"].items()}
    why = frame["why"].astype(str) if "why" in frame else {}
    return Answers(class_name, values, {str(image): text for image, text in why.items()})


def _answer(image: object, value: object) -> int | None:
    try:
        return answer_of(value)
    except KeyError:
        raise TuningError(
            f"The answer on image {image!r} is {value!r}.",
            "Give 1 or True if the class is present, 0 or False if it is absent, None to skip the "
            "photo.",
        ) from None
