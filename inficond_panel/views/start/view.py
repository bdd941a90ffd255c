"""Start view: students that rely on a wrong concept, or else students with the largest AP gap to
the teacher and students with too few images for a verdict; and what all photos share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.common.numbers import count
from inficond_panel.concepts.own_words import perhaps_same
from inficond_panel.results.begin import in_order
from inficond_panel.results.shared_bias import asked_classes, unnamed_topics
from inficond_panel.state import AppState, Job
from inficond_panel.tuning.history.belongs import ReliedThing
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.ui import browser
from inficond_panel.ui.component import RefitActions, ViewComponent, action
from inficond_panel.ui.drawing import Drawing
from inficond_panel.views.start.cards import (
    CARDS,
    Rank,
    in_card_order,
    key_of,
    make_behind,
    make_cards,
    make_checking,
    make_contradicted,
    make_faults,
    make_mislabelled,
    make_noisier,
    make_offers,
    make_shared,
    make_thresholds,
    make_told,
    make_unlike_cards,
    shown_concept,
)
from inficond_panel.views.start.examples import make_pair, make_pair_of, make_unlike
from inficond_panel.vocabulary.intents import REMOVE
from inficond_panel.vocabulary.palette import INK_2
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.wording.own_word import unnamed_sentence
from inficond_panel.wording.shift_kinds import whose_labels
from inficond_panel.wording.suspects import looking_words, relying_sentence, unsure_classes
from inficond_panel.wording.things import in_words_of


class StartPanel(ViewComponent):
    """Component of the start view: a sentence, a card per student, and the pending batch."""

    purpose = param.String("", doc="Sentence on teacher, students, and wrong concepts.")
    faults = param.List([], item_type=dict, doc="As ``FaultsState.found``, in the store's words.")
    cards = param.List([], item_type=dict, doc="As ``make_cards`` gives them.")
    photos = param.Dict({}, doc="As ``make_pair`` gives them, by the key of the card.")
    likes = param.Dict({}, doc="Number of concepts that a removal takes along, by class.")
    gainless = param.List([], item_type=str, doc="Classes for which no gain is expected.")
    things = param.String("photos", doc="What sentences call the images, as ``Store.things``.")
    asking = param.Boolean(False, doc="Whether a person may be asked about photos.")
    offers = param.Dict({}, doc="As ``make_offers`` gives them.")
    offering = param.Boolean(False, doc="Whether there may be offers.")
    removed = param.List([], item_type=str, doc="Classes whose concept has a pending removal.")
    batched = param.List([], item_type=str, doc="Classes whose shared thing has its pending thumb.")
    checking = param.Dict({}, doc="As ``make_checking`` gives it, with a ``hint`` on questions.")
    batch = param.Dict({}, doc="Number of pending ``thumbs``, and status of the refit.")
    locked = param.String("", doc="Why tuning is off now; empty: it is on.")

    _esm = browser.module(Path(__file__).with_name("start.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("start.css"))


class Begin(NamedTuple):
    """Classes in the order of *Where to begin*, and what is found of which: those that rely on a
    ``wrong`` concept, those to be ``asked`` about, and the ``others``; of these, those that are
    ``mislabelled``; those with ``unlike`` pictures, or with ``noisier`` scores. ``looked``: what
    all images share was looked for."""

    order: Sequence[str]
    wrong: Sequence[str]
    asked: Sequence[str]
    others: Sequence[str]
    mislabelled: Sequence[str]
    unlike: Sequence[str]
    noisier: Sequence[str]
    looked: bool


class StartView(RefitActions, Viewer):
    """View of students that rely on a wrong concept; not redrawn while a class is selected."""

    def __init__(self, app: AppState) -> None:
        self.app = app
        self.panel = StartPanel.of(
            app,
            locked=app.tuning.param.locked,
            offers=pn.bind(make_offers, app.suggestion.param.expected),
            offering=app.suggestion.offered,
            gainless=app.suggestion.param.gainless,
            things=app.store.things,
            faults=pn.bind(partial(make_faults, app.store), app.faults.param.found),
            asking=app.rights.asking and not app.asking.missing,
            sizing_mode="stretch_width",
        )
        self.listen_to(self.panel)
        super().__init__()

    def __panel__(self) -> Viewable:
        return self.panel

    def picture(self) -> Drawing:
        """Return a picture of the cards' texts, drawn without a browser."""
        return draw_picture(self.panel.cards)

    @param.depends(
        "app.shifts.by_class",
        "app.reliance.relying",
        "app.reliance.mislabelled",
        "app.reliance.unlike",
        "app.contradicted.by_class",
        "app.decided.by_class",
        "app.reliance.unshown",
        "app.reliance.unsummed",
        "app.teacher_groups.param",
        "app.student_groups.found",
        "app.student_groups.of_all",
        "app.shared.by_class",
        "app.shared.wanted",
        "app.shared.problem",
        "app.suggestion.last",
        "app.selection.class_name",
        "app.students.snapshot",
        "app.shown.what",
        watch=True,
        on_init=True,
    )
    def _show_cards(self) -> None:
        """Show the cards once the shifts of all students are computed, so that no card moves; then
        request what all photos share for the students with a card, and for the first of the list,
        where a bias of all photos would leave no other trace."""
        app, shifts = self.app, self.app.shifts
        if app.selection.class_name or (self.panel.cards and not shifts.complete):
            return
        begin = self._begin()
        cards = self._made(begin)
        fresh = cards != self.panel.cards
        self.panel.param.update(purpose=self._sentence(begin), cards=cards)
        if fresh:
            self._find_pictures(cards)
            self._show_batch()
        if app.spec.tuning.suspects and shifts.complete:
            few = len(begin.order) <= 2 * CARDS  # all of them, then
            first = begin.order[: None if few else CARDS]
            app.shared.want(list(dict.fromkeys([*begin.wrong[:CARDS], *first])))
        self._show_checking()

    def _begin(self) -> Begin:
        """Return the classes of the cards, as far as it is known what is found of them."""
        app, reliance, complete = self.app, self.app.reliance, self.app.shifts.complete
        metrics, found = app.students.snapshot.metrics, app.shared.by_class
        questions = asked_classes(found)
        order = in_order(metrics, reliance.relying, questions, app.suggestion.last)
        wrong = [name for name in order if complete and name in reliance.relying]
        asked = [
            name
            for name in order
            if complete and name in questions and name not in app.decided.moved
        ]
        others = [name for name in order if name not in (*wrong, *asked)]
        waits = not app.shared.wanted or app.shared.waiting
        return Begin(
            order,
            wrong,
            asked,
            others=others if complete else [],
            mislabelled=[name for name in others if name in reliance.mislabelled],
            unlike=[name for name in order if name in reliance.unlike and complete],
            noisier=[name for name in order if name in reliance.noisier and complete],
            looked=not (app.spec.tuning.suspects and waits),
        )

    def _made(self, begin: Begin) -> list[dict[str, Any]]:
        """Return the cards, in their order."""
        app, store = self.app, self.app.store
        shifts, found, last = app.shifts.by_class, app.shifts.differences, app.suggestion.last
        metrics, decided = app.students.snapshot.metrics, app.decided.by_class
        shown = app.students.snapshot.split == TUNE and app.shown.images is None
        tuning = "on screen" if shown else "tuning"
        same = partial(perhaps_same, store)
        relying = make_cards(shifts, begin.wrong[:CARDS], same, tuning, found)
        groups = app.teacher_groups.by_class, app.student_groups.found
        told = make_told(*groups, decided, begin.others)
        single = make_contradicted(app.contradicted.by_class, begin.others)
        idle = app.shifts.complete and not relying and begin.looked
        less = app.reliance.unshown, app.reliance.unsummed
        behind = metrics, unsure_classes(shifts), begin.order, *less
        cards = {
            Rank.PICTURES: make_unlike_cards(shifts, found, begin.unlike[:CARDS], tuning),
            Rank.NOISIER: make_noisier(shifts, found, begin.noisier[:CARDS]),
            Rank.RELIES: [card for card in relying if card["class_name"] not in last],
            Rank.LABELS: [
                *make_mislabelled(shifts, found, begin.mislabelled[:CARDS]),
                *single[:CARDS],
            ],
            Rank.TOLD: told[:CARDS],
            Rank.ASKED: make_shared(app.shared.by_class, begin.asked, tuning),
            Rank.GAINLESS: [card for card in relying if card["class_name"] in last],
            Rank.BEHIND: make_behind(*behind) if idle else [],
            Rank.THRESHOLD: make_thresholds(decided, begin.others)[:CARDS],
        }
        return [
            {
                **card,
                "high": shown_concept(card) in store.numeric,
                "sentence": in_words_of(store, card["sentence"]),
                "advice": in_words_of(store, card.get("advice", "")),
            }
            for card in in_card_order(cards)
        ]

    def _sentence(self, begin: Begin) -> str:
        """Return the sentence over the cards."""
        app, store, differences = self.app, self.app.store, self.app.shifts.differences
        named = {*begin.wrong[:CARDS], *begin.asked}
        in_fit = [name for name in begin.asked if app.shared.by_class[name].found.in_fit]
        looking = app.shared.problem or looking_words(len(store.classes))
        together = app.teacher_groups.of_all + app.student_groups.of_all
        return relying_sentence(
            app.shifts.by_class,
            len(store.classes),
            wrong=len({*begin.wrong, *begin.asked}) if begin.wrong or in_fit else 0,
            shown=len(named),
            shared=begin.asked,
            mislabelled={
                name: self._whose(differences[name])
                for name in begin.order
                if name in app.reliance.mislabelled
            },
            worse=[in_words_of(store, told) for told in together],
            unchecked="" if begin.looked else looking,
            unshared=len(store.classes) - len(app.shared.by_class),
            looked=app.spec.tuning.suspects and app.shifts.all_wanted,
            things=store.things,
        )

    def _whose(self, found: Differences) -> tuple[str, bool]:
        """Return whose labels of a class are wrong, and whether nothing else may explain it."""
        whose, sure = whose_labels(found)
        return whose, sure and found.class_name not in self.app.decided.better_on_tune

    def _show_checking(self) -> None:
        wanted, classes = self.app.shared.wanted, len(self.app.store.classes)
        known = len(wanted) - len(self.app.shared.waiting)
        checking = make_checking(known, len(wanted), classes)
        words = in_words_of(self.app.store, checking["text"])
        topics = unnamed_topics(self.app.store, self.app.shared.by_class)
        hint = unnamed_sentence(topics) if topics else ""
        self.panel.checking = {**checking, "text": words, "hint": hint}

    def _find_pictures(self, cards: Sequence[Mapping[str, Any]]) -> None:
        """Start a job that finds the images of each card, see ``make_pair``, and how many concepts
        a removal takes along."""
        app, node = self.app, self.app.students.node
        students, others = app.tuner.at(node, FIT), app.tuner.at(node, TUNE)
        wanted = {key_of(card): card for card in cards}
        found = app.shifts.differences

        def pair_of(card: Mapping[str, Any]) -> list[dict[str, Any]]:
            name = card["class_name"]
            each = students[name], others[name]
            if card.get("trait"):
                return make_unlike(*each, found[name].pictures[0])
            if card.get("labelled"):
                thing = ReliedThing(name, card["kind"], card["thing"])
                return make_pair_of(*each, thing, shown_concept(card))
            return make_pair(*each, shown_concept(card))

        removable = {card["class_name"]: card["concept"] for card in cards if card["removable"]}

        def work(_: Job) -> tuple[dict[str, list[dict[str, Any]]], dict[str, int]]:
            pairs = {key: pair_of(card) for key, card in wanted.items()}
            likes = {
                name: len(app.students.removed_with(name, concept)) - 1
                for name, concept in removable.items()
            }
            return pairs, likes

        def done(made: tuple[dict[str, list[dict[str, Any]]], dict[str, int]]) -> None:
            self.panel.param.update(photos=made[0], likes=made[1])

        if wanted:
            app.jobs.submit(Job("start", work, done, app.tuning.tell))

    @param.depends("app.selection.class_name", "panel.cards", watch=True)
    def _expect(self) -> None:
        """Search ahead for repairs of the students with a card, until a student is opened."""
        cards = [] if self.app.selection.class_name else self.panel.cards
        relying = [
            card["class_name"] for card in cards if card["concept"] and not card.get("thing")
        ]
        self.app.suggestion.expect(relying)

    @param.depends("app.tuning.pending", "app.tuning.status", watch=True)
    def _show_batch(self) -> None:
        tuning, status = self.app.tuning, self.app.tuning.status
        removed = {thumb.key for thumb in tuning.thumbs if thumb.direction == REMOVE.key}
        shown = [(card["class_name"], card["concept"]) for card in self.panel.cards]
        waiting = {(*thumb.key, thumb.direction) for thumb in tuning.thumbs}
        self.panel.param.update(
            batched=[
                card["class_name"]
                for card in self.panel.cards
                if card.get("concepts")
                and waiting.issuperset(
                    (card["class_name"], concept, card["direction"]) for concept in card["concepts"]
                )
            ],
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
    def _ask(self, class_name: str) -> None:
        """Open a card's student, and the dialog that asks about photos."""
        self.app.selection.class_name = class_name
        self.app.asking.request(class_name)

    @action
    def _remove(self, class_name: str, concept: str) -> None:
        """Add the removal of a concept and correlated concepts to the batch; open the student."""
        self.app.selection.open_concept(concept, class_name)
        self.app.tuning.remove_group(class_name, concept)

    @action
    def _thumb(self, class_name: str, kind: str, thing: str) -> None:
        """Add the thumb of a card on what all photos share to the batch; open the student."""
        card = self._shared_card(class_name, kind, thing)
        self.app.selection.open_concept(card["concepts"][0], class_name)
        self.app.tuning.toggle_group(class_name, card["concepts"], card["direction"])

    @action
    def _belongs(self, class_name: str, kind: str, thing: str) -> None:
        """Record that the thing on a card belongs to the class."""
        self._shared_card(class_name, kind, thing)
        self.app.belong.say(ReliedThing(class_name, kind, thing))

    @action
    def _check_all(self) -> None:
        """Check all students for what all photos share."""
        self.app.shared.want(self.app.store.classes)

    def _shared_card(self, class_name: str, kind: str, thing: str) -> dict[str, Any]:
        asked = (class_name, kind, thing)
        for card in self.panel.cards:
            if (card["class_name"], card.get("kind"), card.get("thing")) == asked:
                return dict(card)
        raise ValueError(f"no card asks about {asked}")

    @action
    def _repair(self, class_name: str, concept: str) -> None:
        """Add the repair offered on a card to the batch, and open the card's student."""
        if class_name not in self.panel.offers:
            raise ValueError(f"no repair is offered for class {class_name!r}")
        self.app.selection.open_concept(concept, class_name)
        self.app.suggestion.take(class_name)


_WIDTH, _HEAD, _ROW = 540, 40, 44


def draw_picture(cards: Sequence[Mapping[str, str]]) -> Drawing:
    """Return a drawing of the texts of the cards, one below the other."""
    drawing = Drawing(_WIDTH, _HEAD + _ROW * len(cards) + 8)
    title = f"{count(len(cards), 'student')} to begin with" if cards else "All students"
    drawing.text((12, 22), title, size=14, bold=True)
    for at, card in enumerate(cards):
        top = _HEAD + at * _ROW + 16
        thing = card.get("thing") or card.get("trait") or card["concept"]
        words = f"{card['class_name']} {card['relies']} {thing}".rstrip()
        drawing.text((12, top), words, room=_WIDTH - 24)
        told = card["sentence"]
        drawing.text((12, top + 18), told, INK_2, room=_WIDTH - 24)
    return drawing
