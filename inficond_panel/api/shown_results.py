"""Results that show themselves: in sentences or tables at a prompt, as HTML in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import pandas as pd

from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.distill.drift import Drift
from inficond_panel.errors import DataError
from inficond_panel.export import Exported
from inficond_panel.export.predictions import (
    Abstaining,
    decision_frame,
    named_frame,
    part_frame,
    predict,
)
from inficond_panel.results.photo_drift import drift_frame
from inficond_panel.results.refit_report import ClassReport, RefitReport, explain
from inficond_panel.results.refit_words import sentences, untouched_sentences
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.thumbs import check_name
from inficond_panel.wording.metrics import drift_sentences


@dataclass(frozen=True, repr=False)
class ShownReport(RefitReport):
    """Report on an iteration against its parent; ``str`` gives the sentences of ``explain``."""

    def of(self, class_name: str) -> ClassReport:
        """The report of one tuned class; ``TuningError`` where the refit has not tuned it."""
        check_name("tuned class", class_name, [found.class_name for found in self.classes])
        return super().of(class_name)

    def __str__(self) -> str:
        heading, *notices = self._general()
        classes = (
            "\n".join([name, *(f"  {line}" for line in lines)]) for name, lines in self._classes()
        )
        return "\n\n".join(["\n".join([heading, *notices]), *classes, *self._others()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        heading, *notices = map(escape, self._general())
        parts = [f"<p><b>{heading}</b></p>", *(f"<p>{notice}</p>" for notice in notices)]
        for name, lines in self._classes():
            items = "".join(f"<li>{escape(line)}</li>" for line in lines)
            parts.append(f"<p><b>{escape(name)}</b></p><ul>{items}</ul>")
        parts += [f"<p>{escape(sentence)}</p>" for sentence in self._others()]
        return "".join(parts)

    def _general(self) -> list[str]:
        was, now = (f"#{node.number} {node.id}" for node in (self.parent, self.node))
        return [f"{now} from {was}", *self.notices]

    def _others(self) -> list[str]:
        return untouched_sentences(self.node, self.untouched)

    def _classes(self) -> Iterator[tuple[str, list[str]]]:
        for found in self.classes:
            yield found.class_name, sentences(found)


def shown_report(tuner: Tuner, node: Node) -> ShownReport:
    """The report on the refit that made ``node``; raises ``TuningError`` for the untouched #0."""
    return ShownReport(**vars(explain(tuner, node)))


@dataclass(frozen=True, repr=False)
class DriftReport(Drift):
    """Drift of photos; ``faults`` tells by photo why it could not be read."""

    faults: dict[str, str] | None = None

    @property
    def table(self) -> pd.DataFrame:
        """One row per concept, in order of p."""
        return drift_frame(self)

    def __str__(self) -> str:
        return "\n".join(drift_sentences(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in drift_sentences(self))


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
        predictions = predict(students, scores)
        self.rules, self._single = rules, single
        self._predictions = rules.apply(predictions) if rules else predictions
        faults = zip(scores.photos, scores.fault, strict=True)
        self.faults = {photo: fault for photo, fault in faults if fault}
        self.no_teacher = scores.no_teacher

    @property
    def table(self) -> pd.DataFrame:
        """A row per photo and class, see ``export.predictions.decision_frame``."""
        return decision_frame(self._predictions)

    @property
    def named(self) -> pd.DataFrame:
        """With one class an image, a row per photo, see ``export.predictions.named_frame``.

        Raises ``DataError`` where images may have several classes.
        """
        if not self._single:
            raise DataError("These photos may have several classes.", "Take the decisions: table.")
        return named_frame(self._predictions)

    @property
    def parts(self) -> pd.DataFrame:
        """A row per photo, class and concept, see ``export.predictions.part_frame``."""
        return part_frame(self._predictions)

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table.to_html(float_format="%.3f", na_rep="–")
