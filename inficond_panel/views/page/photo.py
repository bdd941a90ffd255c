"""Dialog on a user's photo: predictions of all students, and one prediction by concept."""

from __future__ import annotations

import base64
from typing import Any

from scipy.special import expit

from inficond_panel.common.numbers import number, share, signed, written_range
from inficond_panel.errors import without_folders
from inficond_panel.export.predictions import ALL_CLASSES, DONT_KNOW, Prediction, named_classes
from inficond_panel.state import AppState
from inficond_panel.state.networks import MOST_PHOTO_BYTES, DecidedPhoto
from inficond_panel.store import Store
from inficond_panel.ui.component import RefitActions, action
from inficond_panel.ui.images import outline
from inficond_panel.views.detail.images import SHOWN_BARS, make_bars, make_decision
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

_WORDS = {True: "present", False: "absent", None: ""}
#: Choices of the accuracy on tune, in percent, that decisions need; at 0 no student abstains.
_PERCENTS = (0, 80, 90, 95, 99)
#: How to decide what is no photo, by what it is.
_BY_COMMAND = {
    "rows": "A command decides new rows, from a table with a column for each concept: "
    "inficond predict STORE new.csv",
    "captions": 'A command decides new captions: inficond predict SPEC "CAPTION"',
}


def make_photo(app: AppState, class_name: str) -> dict[str, Any]:
    """Return the dialog's content: accepted files, progress, and predictions on the photo.

    Where the students decide rows of tables or captions, ``instead`` is what they decide, and
    ``missing`` says how. Classes are sorted by the student's margin, surest present first. The bars
    of the logit and the
    outlines of segments are for ``class_name``, or for the first class if it is empty.
    """
    state, store = app.photo, app.store
    instead = "rows" if store.given else "captions" if store.of_words else ""
    always = {
        "instead": instead,
        "missing": _BY_COMMAND.get(instead, state.missing),
        "side": state.side,
        "most": MOST_PHOTO_BYTES,
        **vars(state.status),
        "percents": _PERCENTS,
        "percent": round(100 * state.asked),
        "rows": [],
    }
    if state.decided is None:
        return always
    predictions = state.decided.predictions
    ordered = sorted(predictions.values(), key=lambda one: one.cutoff - one.logit)
    chosen = predictions.get(class_name, ordered[0])
    named = named_classes(list(predictions.values())) if store.task == SINGLE_LABEL else {}
    return {
        **always,
        "named": next((one.words for one in named.values()), ""),
        "rows": [make_row(one) for one in ordered],
        "no_teacher": without_folders(state.decided.scores.no_teacher),
        "student": chosen.class_name,
        "bars": make_bars(chosen),
        "logit": signed(chosen.logit),
        "decision": make_decision(chosen) if chosen.answered else DONT_KNOW,
        "worth": make_worth(state.decided, chosen.class_name),
        **make_outlines(store, state.decided, chosen),
    }


def make_row(one: Prediction) -> dict[str, str]:
    """Return the table row of one class: logit, probability, decisions of student and teacher."""
    return {
        "name": one.class_name,
        "logit": signed(one.logit),
        "probability": number(float(expit(one.logit))),
        "student": _WORDS[one.present] if one.answered else DONT_KNOW,
        "teacher": _WORDS[one.teacher_present],
    }


def make_worth(photo: DecidedPhoto, class_name: str) -> str:
    """Return a sentence on how sure a decision must be, and its coverage and accuracy on tune.

    Empty if students never abstain. Both numbers are cross-fitted; see ``AbstainRule``.
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
        f"An answer needs a {sure}. So are {share(rule.coverage)} of the tuning images, with an "
        f"accuracy of {number(rule.accuracy.estimate)} ({confidence_word(photo.rules.level)} "
        f"{within})."
    )


def make_outlines(store: Store, photo: DecidedPhoto, chosen: Prediction) -> dict[str, Any]:
    """Return the outline of the segment nearest to each listed concept, and the mask's size."""
    (segments,) = photo.scores.segments or (None,)
    if segments is None:
        return {"outlines": {}, "width": 0, "height": 0}
    height, width = segments.mask.shape
    text, place = store.concept_text_embedding, store.concepts
    names = [part.concept for part in chosen.parts[:SHOWN_BARS]]
    paths = {name: outline(segments.nearest(text[place.index(name)])) for name in names}
    return {"outlines": paths, "width": width, "height": height}


class PhotoActions(RefitActions):
    """Actions of the browser on a user's photo, and on the pending batch."""

    _photo_class = ""

    @action
    def _look_for_photos(self) -> None:
        self.app.photo.look()

    @action
    def _put_photo(self, parts: list[str]) -> None:
        """Open a photo that the browser sent as pieces of base64."""
        if sum(map(len, parts)) > 2 * MOST_PHOTO_BYTES:
            raise ValueError(f"the photo has over {2 * MOST_PHOTO_BYTES:,} characters of base64")
        self._photo_class = self.app.selection.class_name
        self.app.photo.put(base64.b64decode("".join(parts), validate=True))

    @action
    def _abstain_photo(self, percent: int) -> None:
        """Let students abstain, so that their decisions have this accuracy in percent on tune."""
        self.app.photo.asked = percent / 100

    @action
    def _cancel_photo(self) -> None:
        self.app.photo.cancel()

    @action
    def _close_photo(self) -> None:
        self.app.photo.close()

    @action
    def _show_photo_class(self, name: str) -> None:
        """Show the parts of the logit of class ``name`` instead of the class shown."""
        self._photo_class = name
        self.app.photo.param.trigger("decided")
