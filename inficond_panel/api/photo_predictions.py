"""Predictions for photos, as data frames."""

from __future__ import annotations

import pandas as pd

from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.errors import DataError
from inficond_panel.export import Exported
from inficond_panel.export.abstaining import Abstaining
from inficond_panel.export.predictions import (
    COLUMNS,
    DONT_KNOW,
    PART_COLUMNS,
    named_classes,
    predict,
)


class PhotoPredictions:
    """Decisions of students on photos; ``table`` shows itself in a notebook.

    ``faults`` tells by photo why it could not be read; the tables are of the others.
    ``no_teacher`` tells why the teacher does not stand beside the students, "" where it does.
    ``rules`` tell when the students abstain; None where they never do.
    """

    def __init__(
        self,
        students: Exported,
        scores: PhotoScores,
        rules: Abstaining | None = None,
        single: bool = False,
    ) -> None:
        found = predict(students, scores)
        self.rules, self._single = rules, single
        self._found = rules.apply(found) if rules else found
        told = zip(scores.photos, scores.fault, strict=True)
        self.faults = {photo: fault for photo, fault in told if fault}
        self.no_teacher = scores.no_teacher

    @property
    def table(self) -> pd.DataFrame:
        """A row per photo and class: logit, probability, decision; the teacher's or nan.

        The decision is missing where the students abstain.
        """
        rows = [one.row() for one in self._found]
        frame = pd.DataFrame(rows, columns=list(COLUMNS)).set_index(["image", "class"])
        decision = frame["student_decision"]
        frame["student_decision"] = decision.where(decision != DONT_KNOW, None)
        kinds = {"student_decision": "Int64", "teacher_decision": "Int64"}
        return frame.astype({"teacher_logit": float, **kinds})

    @property
    def named(self) -> pd.DataFrame:
        """With one class an image, a row per photo: the likeliest class and its probability.

        The class is missing where the students abstain, and the ``teacher``'s where it cannot run.
        Raises ``DataError`` where images may have several classes.
        """
        if not self._single:
            raise DataError("These photos may have several classes.", "Take the decisions: table.")
        rows = [
            (photo, one.class_name if one.answered else None, one.probability, one.teacher)
            for photo, one in named_classes(self._found).items()
        ]
        columns = ["image", "student", "probability", "teacher"]
        return pd.DataFrame(rows, columns=columns).set_index("image")

    @property
    def parts(self) -> pd.DataFrame:
        """A row per photo, class and concept that has a part of the logit, the largest first.

        The first of each class is the intercept, under no concept: they add up to the logit.
        """
        rows = [row for one in self._found for row in one.part_rows()]
        frame = pd.DataFrame(rows, columns=list(PART_COLUMNS)).set_index(["image", "class"])
        return frame.astype({"concept_score": float, "influence": float})

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table.to_html(float_format="%.3f", na_rep="–")
