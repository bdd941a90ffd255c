"""Results that print as sentences or tables at a prompt, and as HTML in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
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
    with_undecided,
)
from inficond_panel.results.decisions import drift_frame
from inficond_panel.results.frame import frame_in_words, html_text, text_table
from inficond_panel.results.levers import levers
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.wording.metrics import drift_sentences
from inficond_panel.wording.repairs import proposals_lose
from inficond_panel.wording.things import with_word

#: Class in a notebook of a table whose texts are whole.
_WHOLE = "inficond-whole"


class WholeTexts(pd.DataFrame):
    """Data frame whose texts a notebook shows whole, wrapped, and at the left."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        columns = enumerate(self.dtypes, start=self.index.nlevels + 1)
        texts = [at for at, dtype in columns if not pd.api.types.is_numeric_dtype(dtype)]
        cells = ", ".join(f".{_WHOLE} tr > :nth-child({at})" for at in texts)
        look = "text-align: left !important; white-space: normal !important; max-width: 44em"
        options = "display.max_colwidth", None, "display.multi_sparse", False
        with pd.option_context(*options):
            table = pd.DataFrame(self)._repr_html_()
        return f"<style>{cells} {{ {look}; }}</style><div class='{_WHOLE}'>{table}</div>"


class Frames(dict[str, pd.DataFrame]):
    """Data frames by name; printed, they show title, rows and notes of the first frame.

    In their texts an image is ``called`` image, row or caption. With ``sentences`` the notes tell
    the rows, which are not printed."""

    def __init__(
        self, frames: Mapping[str, pd.DataFrame], called: str = "image", *, sentences: bool = False
    ) -> None:
        super().__init__({name: _whole(frame, called) for name, frame in frames.items()})
        self._sentences = sentences

    def __str__(self) -> str:
        frame = next(iter(self.values()))
        table = [] if self._sentences else text_table(frame)[1]
        rows = (" … ".join(filter(None, row)) for row in table)
        return "\n".join([frame.attrs["title"], *rows, *frame.attrs["notes"]])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_text(next(iter(self.values())))


def _whole(frame: pd.DataFrame, called: str) -> WholeTexts:
    in_words = frame_in_words(frame, called)
    shown = WholeTexts(in_words)
    shown.attrs = in_words.attrs
    return shown


@dataclass(frozen=True, repr=False)
class DriftReport(Drift):
    """Result of a drift test of new photos; ``faults`` maps unreadable photos to the reason."""

    faults: dict[str, str] | None = None

    @property
    def table(self) -> pd.DataFrame:
        """One row per concept, sorted by p-value."""
        return drift_frame(self)

    def __str__(self) -> str:
        return "\n".join(drift_sentences(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in drift_sentences(self))


@dataclass(frozen=True, repr=False)
class SuggestedEdits(Suggestion):
    """Suggested edits, which ``students.tune`` takes; printed, they show a summary, and what they
    lose at thresholds. An image is ``called`` image, row or caption."""

    called: str = "image"

    @cached_property
    def summary(self) -> str:
        """``Suggestion.summary``, in the word for an image."""
        return with_word(super().summary, self.called)

    def __str__(self) -> str:
        return " ".join([self.summary, *(with_word(x, self.called) for x in proposals_lose(self))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_text(frame_in_words(levers(self), self.called))


class PhotoPredictions:
    """Decisions of students on photos; printed, they show ``table``.

    ``faults`` maps each unreadable photo to the reason; the tables hold the other photos. It also
    has the rows with an empty cell, and captions that are too long, whose decisions are missing in
    ``table``.
    ``no_teacher`` is the reason why the teacher's decisions are missing, "" if they are included.
    ``notes`` are sentences on how rows were read, such as ignored columns, on captions without a
    word of a concept, and on concepts whose scores differ from those of the training images.
    ``rules`` are the rules for abstaining; None if the students never abstain.
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
        self._undecided, self._known_words = scores.undecided, scores.known_words
        self.no_teacher = scores.no_teacher
        self.notes = list(scores.notes)

    @property
    def table(self) -> pd.DataFrame:
        """One row per photo and class, see ``export.predictions.decision_frame``."""
        decided = decision_frame(self._predictions, notes=self.notes, known_words=self._known_words)
        return with_undecided(decided, self._undecided)

    @property
    def named(self) -> pd.DataFrame:
        """One row per photo with its class, see ``export.predictions.named_frame``.

        Raises ``DataError`` if images may have several classes.
        """
        if not self._single:
            raise DataError("A photo of this data may have several classes.", "Use .table instead.")
        return named_frame(self._predictions)

    @property
    def parts(self) -> pd.DataFrame:
        """One row per photo, class and concept, see ``export.predictions.part_frame``."""
        return part_frame(self._predictions)

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table.to_html(float_format="%.3f", na_rep="–")
