"""Start view: students that rely on a wrong concept, or else students with the largest AP gap to
the teacher and students with too few images for a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.common.numbers import count
from inficond_panel.distill import ClassMetrics
from inficond_panel.results.image_sets import assigned_segments, worst_first
from inficond_panel.state import AppState, Job
from inficond_panel.tuning import Intent, Student
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.ui import browser
from inficond_panel.ui.component import RefitActions, ViewComponent, action
from inficond_panel.ui.drawing import Drawing
from inficond_panel.ui.images import make_picture, tile_uri
from inficond_panel.vocabulary.intents import REMOVE
from inficond_panel.vocabulary.palette import INK_2
from inficond_panel.vocabulary.splits import FIT
from inficond_panel.wording.suspects import (
    relied_shares,
    relies_wrongly,
    relying_sentence,
    relying_words,
    unsure_classes,
)

#: Largest number of cards, and of those by AP gap; classes that are unsure fill up the rest.
CARDS, BEHIND = 5, 3


def make_cards(shifts: Mapping[str, ClassShift]) -> list[dict[str, Any]]:
    """Return cards of students that rely on a suspect concept.

    A card is ``{class_name, relies, concept, shares, removable}``: ``relies`` are the words between
    class and concept, ``shares`` states how often the concept occurs with the class, ``removable``
    whether it has an influence. The largest loss of AP comes first.
    """
    relying = sorted(filter(relies_wrongly, shifts.values()), key=lambda each: -each.ap_lost)
    return [
        {
            "class_name": shift.class_name,
            "relies": relying_words(shift.first),
            "concept": shift.first.concept,
            "shares": relied_shares(shift.class_name, shift.first),
            "removable": bool(shift.first.weight),
        }
        for shift in relying
    ]


def make_behind(
    metrics: Mapping[str, ClassMetrics], unsure: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return cards of the students with the largest AP gap to the teacher, then of the classes
    ``unsure``, which have too few images for a verdict; without a concept."""
    known = {name: each for name, each in metrics.items() if each.positives >= LEAST_LABELLED}
    behind = sorted(known, key=lambda name: known[name].ap - known[name].teacher_ap)[:BEHIND]
    words = {
        name: f"AP {each.ap:.3f}, its teacher {each.teacher_ap:.3f}" for name, each in known.items()
    }
    few = dict.fromkeys(unsure, "too few images to say what it relies on")
    return [
        {
            "class_name": name,
            "relies": "",
            "concept": "",
            "shares": "; ".join(each[name] for each in (words, few) if name in each),
            "removable": False,
        }
        for name in list(dict.fromkeys([*behind, *unsure]))[:CARDS]
    ]


def make_offers(expected: Mapping[str, Suggestion]) -> dict[str, dict[str, Any]]:
    """Return the gain in AP of the recommended repair by class, as text in ``gain``.

    ``removes`` is True if the repair only removes suspects. A class whose gain is not significant
    is left out.
    """
    offers = {}
    for name, suggestion in expected.items():
        lever = suggestion.taken.get(name)
        gain = suggestion.gain_of(name) if lever else None
        if lever and gain and gain.low > 0:
            offers[name] = {
                "removes": all(isinstance(edit, Intent) for edit in lever.edits),
                "gain": gain.text(1, scale=100, unit="points", sign=True, limits=False),
            }
    return offers


class StartPanel(ViewComponent):
    """Component of the start view: a sentence, a card per student, and the pending batch."""

    purpose = param.String("", doc="Sentence on teacher, students, and wrong concepts.")
    cards = param.List([], item_type=dict, doc="As ``make_cards`` gives them.")
    photos = param.Dict({}, doc="As ``make_picture`` gives them, by class.")
    offers = param.Dict({}, doc="As ``make_offers`` gives them.")
    offering = param.Boolean(False, doc="Whether there may be offers.")
    removed = param.List([], item_type=str, doc="Classes whose concept has a pending removal.")
    batch = param.Dict({}, doc="Number of pending ``thumbs``, and status of the refit.")
    locked = param.String("", doc="Why tuning is off now; empty: it is on.")

    _esm = browser.module(Path(__file__).with_name("start.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("start.css"))


class StartView(RefitActions, Viewer):
    """View of students that rely on a wrong concept; not redrawn while a class is selected."""

    def __init__(self, app: AppState) -> None:
        self.app = app
        self.panel = StartPanel.of(
            app,
            locked=app.tuning.param.locked,
            offers=pn.bind(make_offers, app.suggestion.param.expected),
            offering=app.suggestion.offered,
            sizing_mode="stretch_width",
        )
        self.listen_to(self.panel)
        super().__init__()

    def __panel__(self) -> Viewable:
        return self.panel

    def picture(self) -> Drawing:
        """Return a picture of the cards' texts, drawn without a browser."""
        return draw_picture(self.panel.cards)

    @param.depends("app.shifts.by_class", "app.selection.class_name", watch=True, on_init=True)
    def _show_cards(self) -> None:
        """Show the cards once the shifts of all students are computed, so that no card moves."""
        app, shifts = self.app, self.app.shifts
        if app.selection.class_name or (self.panel.cards and not shifts.complete):
            return
        relying = make_cards(shifts.by_class) if shifts.complete else []
        nothing = shifts.complete and not relying
        metrics, unsure = app.students.snapshot.metrics, unsure_classes(shifts.by_class)
        cards = make_behind(metrics, unsure) if nothing else relying[:CARDS]
        sentence = relying_sentence(
            shifts.by_class,
            len(app.store.classes),
            wrong=len(relying),
            shown=len(cards),
            looked=app.spec.tuning.suspects and shifts.all_wanted,
        )
        fresh = cards != self.panel.cards
        self.panel.param.update(purpose=sentence, cards=cards)
        if fresh:
            self._find_pictures([(card["class_name"], card["concept"]) for card in cards])
            self._show_batch()

    def _find_pictures(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Start a job that finds a training image per (class, concept), see ``make_example``."""
        app, students = self.app, self.app.tuner.at(self.app.students.node, FIT)

        def work(_: Job) -> dict[str, dict[str, Any]]:
            return {name: make_example(students[name], concept) for name, concept in wanted}

        def done(pictures: dict[str, dict[str, Any]]) -> None:
            self.panel.photos = pictures

        if wanted:
            app.jobs.submit(Job("start", work, done, app.tuning.tell))

    @param.depends("app.selection.class_name", "panel.cards", watch=True)
    def _expect(self) -> None:
        """Search ahead for repairs of the students with a card, until a student is opened."""
        cards = [] if self.app.selection.class_name else self.panel.cards
        self.app.suggestion.expect([card["class_name"] for card in cards if card["concept"]])

    @param.depends("app.tuning.pending", "app.tuning.status", watch=True)
    def _show_batch(self) -> None:
        tuning, status = self.app.tuning, self.app.tuning.status
        removed = {thumb.key for thumb in tuning.thumbs if thumb.direction == REMOVE.key}
        shown = [(card["class_name"], card["concept"]) for card in self.panel.cards]
        self.panel.param.update(
            removed=[key[0] for key in shown if key in removed],
            batch={
                "thumbs": len(tuning.pending),
                "kind": status.kind,
                "text": f"{status.text} {status.remedy}".strip(),
                "progress": status.progress,
            },
        )

    @action
    def _look(self, class_name: str, concept: str) -> None:
        """Open a card's student, and its concept if it is not empty."""
        if concept:
            self.app.selection.open_concept(concept, class_name)
        else:
            self.app.selection.class_name = class_name

    @action
    def _remove(self, class_name: str, concept: str) -> None:
        """Add the removal of a concept and correlated concepts to the batch; open the student."""
        self.app.selection.open_concept(concept, class_name)
        self.app.tuning.remove_group(class_name, concept)

    @action
    def _repair(self, class_name: str, concept: str) -> None:
        """Add the repair offered on a card to the batch, and open the card's student."""
        if class_name not in self.panel.offers:
            raise ValueError(f"no repair is offered for class {class_name!r}")
        self.app.selection.open_concept(concept, class_name)
        self.app.suggestion.take(class_name)


def make_example(student: Student, concept: str) -> dict[str, Any]:
    """Return a picture of the positive image that shows a concept best, with its segment.

    Best is the largest sum of the image's concept score and the cosine of an assigned segment, each
    scaled to [0, 1]. Without a concept, it is the positive with the student's largest margin.
    """
    store, positive = student.store, student.labels == 1
    positive |= not positive.any()
    if not concept:
        return make_picture(store, int(worst_first(student, positive)[-1]), -1, tile_uri)
    rows, at = student.rows[positive], store.concepts.index(concept)
    score = store.concept_score[:, at]
    segments = assigned_segments(store, at) if store.holds("segments") else np.empty(0, int)
    images = store.segment_image[segments] if len(segments) else segments
    shown = np.isin(images, rows)
    if not shown.any():
        return make_picture(store, int(rows[score[rows].argmax()]), -1, tile_uri)
    segments, images = segments[shown], images[shown]
    best = (_unit(score[images]) + _unit(store.segment_cosine[segments])).argmax()
    return make_picture(store, int(images[best]), int(segments[best]), tile_uri)


def _unit(values: np.ndarray) -> np.ndarray:
    """Return the values scaled to [0, 1]: 0 is the smallest, 1 the largest."""
    return (values - values.min()) / (np.ptp(values) or 1.0)


_WIDTH, _HEAD, _ROW = 540, 40, 44


def draw_picture(cards: Sequence[Mapping[str, str]]) -> Drawing:
    """Return a drawing of the texts of the cards, one below the other."""
    drawing = Drawing(_WIDTH, _HEAD + _ROW * len(cards) + 8)
    title = f"{count(len(cards), 'student')} to begin with" if cards else "All students"
    drawing.text((12, 22), title, size=14, bold=True)
    for at, card in enumerate(cards):
        top = _HEAD + at * _ROW + 16
        words = f"{card['class_name']} {card['relies']} {card['concept']}".rstrip()
        drawing.text((12, top), words, room=_WIDTH - 24)
        drawing.text((12, top + 18), card["shares"], INK_2, room=_WIDTH - 24)
    return drawing
