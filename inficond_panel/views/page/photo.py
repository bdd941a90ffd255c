"""A photo of one's own on the page: decided by all students, one of them taken apart."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from scipy.special import expit

from inficond_panel.common.numbers import number, share, signed, written_range
from inficond_panel.errors import without_folders
from inficond_panel.export.predictions import ALL_CLASSES, DONT_KNOW, named_classes
from inficond_panel.state.networks import MOST_BYTES
from inficond_panel.ui.component import RefitActions, action
from inficond_panel.ui.images import outline
from inficond_panel.views.detail.images import SHOWN, make_bars, make_decision
from inficond_panel.vocabulary.confidence import confidence_word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inficond_panel.export.predictions import Prediction
    from inficond_panel.state import AppState
    from inficond_panel.state.networks import DecidedPhoto
    from inficond_panel.store import Store

_WORDS = {True: "present", False: "absent", None: ""}
#: Accuracies on tune, in percent, that a visitor may ask for; at 0 every class is decided.
_PERCENTS = (0, 80, 90, 95, 99)


def make_photo(app: AppState, class_name: str) -> dict[str, Any]:
    """Content of the dialog: accepted files, progress, and the classes of a decided photo.

    Surest present first. Of the class named, else of the first, the parts of the logit and the
    outlines of their segments.
    """
    state, status = app.photo, app.photo.status
    always = {
        "missing": state.missing,
        "side": state.side,
        "most": MOST_BYTES,
        "kind": status.kind,
        "text": status.text,
        "progress": status.progress,
        "remedy": status.remedy,
        "percents": _PERCENTS,
        "percent": round(100 * state.asked),
        "rows": [],
    }
    if state.decided is None:
        return always
    predictions = state.decided.predictions
    ordered = sorted(predictions.values(), key=lambda one: one.cutoff - one.logit)
    chosen = predictions.get(class_name, ordered[0])
    return {
        **always,
        "named": make_named(app.store, predictions.values()),
        "rows": [make_row(one) for one in ordered],
        "no_teacher": without_folders(state.decided.scores.no_teacher),
        "student": chosen.class_name,
        "bars": make_bars(chosen),
        "logit": signed(chosen.logit),
        "decision": make_decision(chosen) if chosen.answered else DONT_KNOW,
        "worth": make_worth(state.decided, chosen.class_name),
        **make_outlines(app.store, state.decided, chosen),
    }


def make_named(store: Store, predictions: Iterable[Prediction]) -> str:
    """The class of the photo, where images have one; empty where they may have several."""
    if store.task != "single_label":
        return ""
    (named,) = named_classes(list(predictions)).values()
    return named.words


def make_row(one: Prediction) -> dict[str, str]:
    """One class: logit and probability, the student's decision and the teacher's."""
    return {
        "name": one.class_name,
        "logit": signed(one.logit),
        "probability": number(float(expit(one.logit))),
        "student": _WORDS[one.present] if one.answered else DONT_KNOW,
        "teacher": _WORDS[one.teacher_present],
    }


def make_worth(photo: DecidedPhoto, class_name: str) -> str:
    """How sure an answer of a class must be, and what that is worth on tune; empty: each is given.

    Share and accuracy are cross-fitted; see ``AbstainRule``.
    """
    if photo.rules is None:
        return ""
    rule, together = photo.rules.of(class_name), ALL_CLASSES in photo.rules.rules
    if not rule.reached:
        return next(photo.rules.among([class_name]).lacking())
    least = number(rule.threshold, 2)
    sure = (
        f"likeliest class of {least} or more" if together else f"logit {least} from the threshold"
    )
    within = written_range(rule.accuracy.low, rule.accuracy.high)
    return (
        f"An answer needs a {sure}. So are {share(rule.coverage)} of tune, with an accuracy of "
        f"{number(rule.accuracy.estimate)} ({confidence_word(photo.rules.level)} {within})."
    )


def make_outlines(store: Store, photo: DecidedPhoto, chosen: Prediction) -> dict[str, Any]:
    """Outline of the segment nearest to each listed concept, at the size of the mask."""
    (segments,) = photo.scores.segments or (None,)
    if segments is None:
        return {"outlines": {}, "width": 0, "height": 0}
    height, width = segments.mask.shape
    text, place = store.concept_text_embedding, store.concepts
    names = [part.concept for part in chosen.parts[:SHOWN]]
    paths = {name: outline(segments.nearest(text[place.index(name)])) for name in names}
    return {"outlines": paths, "width": width, "height": height}


class PhotoActions(RefitActions):
    """Actions of the browser on a photo, and on the batch."""

    _photo_class = ""

    @action
    def _look_for_photos(self) -> None:
        self.app.photo.look()

    @action
    def _put_photo(self, parts: list[str]) -> None:
        """Decide a photo that came as pieces of base64."""
        if sum(map(len, parts)) > 2 * MOST_BYTES:
            raise ValueError("too long")
        self._photo_class = self.app.selection.class_name
        self.app.photo.put(base64.b64decode("".join(parts), validate=True))

    @action
    def _abstain_photo(self, percent: int) -> None:
        """Answer only where decisions as sure have that accuracy on tune."""
        self.app.photo.asked = percent / 100

    @action
    def _cancel_photo(self) -> None:
        self.app.photo.cancel()

    @action
    def _close_photo(self) -> None:
        self.app.photo.close()

    @action
    def _show_photo_class(self, name: str) -> None:
        """Take the logit of another class apart."""
        self._photo_class = name
        self.app.photo.param.trigger("decided")
