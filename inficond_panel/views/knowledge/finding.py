"""Finding on one student: why it is worse on other images, wrong labels, possible repairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import param

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count, number, share
from inficond_panel.concepts.own_words import has_word, perhaps_same
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.image_sets import ImageSet, image_set
from inficond_panel.results.own_word import WordAp, word_ap
from inficond_panel.results.picked_images import group_images
from inficond_panel.results.shared_bias import StudentShared
from inficond_panel.results.shift import made_at
from inficond_panel.results.teacher_groups import WorseGroup, swapped_words
from inficond_panel.state import AppState, Job
from inficond_panel.store import Store
from inficond_panel.tuning import Intent
from inficond_panel.tuning.belonging import Belonging, names_by_kind
from inficond_panel.tuning.edits import place_of
from inficond_panel.tuning.history.belongs import ReliedThing
from inficond_panel.tuning.label_noise import DoubtedLabels
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.ui.component import action
from inficond_panel.ui.images import send_pictures, tile_uri
from inficond_panel.views.knowledge.parts import StudentActions, StudentPanels
from inficond_panel.vocabulary.intents import REMOVE
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.groups import TEACHER_GROUP_HELP, group_words, teacher_group_sentence
from inficond_panel.wording.metrics import teacher_sentence
from inficond_panel.wording.own_word import word_sentence
from inficond_panel.wording.repairs import (
    OTHER_PREVIEW,
    expected_sentence,
    gain_words,
    repair_notes,
    repair_sentence,
    terms_words,
)
from inficond_panel.wording.shared_bias import page_question, reliance_sentence, thumb_of
from inficond_panel.wording.shift_kinds import (
    MISSING_LABELS,
    contradicted_sentence,
    finding_sentence,
)
from inficond_panel.wording.suspects import (
    LITTLE,
    OTHERS_DECIDE,
    plain_reason,
    plain_sentence,
    relies_wrongly,
    repaired_sentence,
    same_question,
)
from inficond_panel.wording.things import in_words_of

#: Words for listed labels, where no other difference could look the same, and elsewhere.
LIKELY_WRONG, MAY_BE_WRONG = "labels that are likely wrong", "labels that may be wrong"
#: Largest number of labels listed, and of questions.
MOST_LABELS, MOST_QUESTIONS = 50, 2


def make_finding(
    shift: ClassShift | None,
    found: Differences | None,
    teacher: str = "",
    *,
    repaired: bool = False,
    removal: Interval | None = None,
    same: Callable[[str], bool] = lambda _: False,
) -> dict[str, Any]:
    """Return the finding on a student: a ``sentence``, its numbers for ``hover``, the ``suspect``
    that it names, and the concept to ``remove`` (each may be empty).

    ``teacher``: sentences that the teacher does not know the class. If edits have
    ``repaired`` the class, no suspect is named. ``removal`` is the change in AP by a removal that
    waits or was the last edit; None without. If it is within noise, or the suspect lost little,
    a removal is not what comes first: ``little`` is True. If the suspect is perhaps the ``same``
    as the class, the sentence asks that. {} until it is computed.
    """
    nothing = {"hover": "", "suspect": "", "remove": "", "little": False, "same": False}
    if teacher:
        return {**nothing, "sentence": teacher}
    if shift is None:
        return {}
    if repaired:
        return {**nothing, "sentence": repaired_sentence(shift.class_name)}
    relies = relies_wrongly(shift)
    little = removal is not None and not math.isnan(removal.low) and removal.within_noise
    sentence = f"{plain_sentence(shift)} {LITTLE}" if little else finding_sentence(found, shift)
    asks = relies and same(shift.first.concept)
    if asks:
        sentence += f" {same_question(shift.class_name, shift.first.concept)}"
    return {
        "sentence": sentence,
        "same": asks,
        "hover": plain_reason(shift, shift.first) if relies else "",
        "suspect": shift.first.concept if relies else "",
        "remove": shift.first.concept if relies and shift.removable else "",
        "little": little or (relies and shift.slight),
    }


def make_questions(found: StudentShared | None) -> list[dict[str, Any]]:
    """Return what a student may rely on in all photos, the strongest first, then what goes with its
    class in the training photos only: a person decides.

    A question has the ``kind`` and ``name`` of the thing, a ``sentence``, and the thumb that helps
    if the thing should not count: its ``direction`` and ``concepts`` (none: no concept shows it).
    """
    if found is None:
        return []
    name = found.found.class_name
    return [
        {
            "kind": each.kind,
            "name": each.name,
            "sentence": f"{reliance_sentence(name, each)} "
            f"{page_question(name, each, found.found.things, found.concepts(each))}",
            "direction": thumb_of(each).key,
            "concepts": list(found.concepts(each)),
        }
        for each in found.found.asked[:MOST_QUESTIONS]
    ]


def make_teacher_group(groups: Sequence[WorseGroup], split: str) -> dict[str, Any]:
    """Return the group of tuning images in which the teacher is worse by most: a ``sentence``, what
    helps (``hover``), and ``column`` and ``group``, whose images can be opened where ``split``, the
    one on screen, is the tuning images. {} without such a group."""
    if not groups:
        return {}
    first = groups[0]
    words = group_words(first.column, first.group, shown_or_not=False)
    counts = first.images, first.positives
    return {
        "sentence": teacher_group_sentence(
            first.class_name,
            words,
            counts,
            first.ap,
            first.expected,
            swapped=swapped_words(first),
            limits=False,
        ),
        "hover": TEACHER_GROUP_HELP,
        "words": words,
        "column": first.column,
        "group": first.group,
        "opens": split == TUNE,
    }


def make_belonging(belonging: Belonging, name: str) -> list[dict[str, str]]:
    """Return ``kind`` and ``name`` of what belongs to a class, with the words who said it."""
    return [
        {"kind": thing.kind, "name": thing.name, "by": f"{by.author}, {by.created[:10]}"}
        for thing, by in belonging.only(name).said.items()
    ]


def make_labels(
    store: Store,
    found: Differences | None,
    contradicted: DoubtedLabels | None,
    taught: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Return row, image id and label of training images whose label is likely wrong, if wrong
    labels are the finding, or a possible one; else of those whose label is ``contradicted``. Images
    with a label in ``taught``, which a person gave, are left out."""
    in_doubt = found is not None and found.labels_in_doubt
    labels = found.labels if found is not None and in_doubt else contradicted
    if found is None or labels is None:
        return []
    return [
        {"row": row, "image": store.images[row], "label": int(labels.label[at])}
        for at, row in ((at, int(labels.rows[at])) for at in labels.likely_wrong[:MOST_LABELS])
        if store.images[row] not in taught
    ]


def make_labels_words(number: int, *, likely: bool) -> str:
    """Return the words after the number of listed labels, which are likely wrong or may be."""
    if number == 1:
        return "label that is likely wrong" if likely else "label that may be wrong"
    return LIKELY_WRONG if likely else MAY_BE_WRONG


def make_word(found: WordAp | None, *, coming: bool = False) -> dict[str, str]:
    """Return a ``sentence`` on a class's own word alone, and the word to ``raise`` (or empty); both
    are empty while the sentence is ``coming``, and {} stands for no word."""
    if found is None:
        return {"sentence": "", "raise": ""} if coming else {}
    told = word_sentence(found.word, found.ap, found.student_ap, by_teacher=found.by_teacher)
    return {"sentence": told, "raise": found.word if found.can_raise else ""}


def make_suggestion(suggestion: Suggestion, name: str, *, limits: bool = True) -> dict[str, Any]:
    """Return the suggested repair of a class: a ``sentence``, ``notes``, and ``levers``, a table of
    all kinds of repair that were tried, whose first row is the student as it is."""
    repair = suggestion.repairs.get(name)
    levers = repair.levers if repair else ()
    return {
        "sentence": repair_sentence(suggestion, name, limits=limits),
        "notes": repair_notes(suggestion, name, limits=limits),
        "levers": [
            {
                "name": lever.name,
                AP.key: number(lever.ap),
                "gain": gain_words(lever.gain.gain(suggestion.level), limits=limits) if at else "",
                "agreement": share(lever.fidelity, 1),
                "concepts": count(lever.concepts),
                "needs": lever.needs,
                "can": bool(lever.edits),
                "taken": bool(repair and lever == repair.taken),
            }
            for at, lever in enumerate(levers)
        ]
        + [
            {
                "name": other.name,
                AP.key: number(other.ap),
                "gain": gain_words(other.gain.gain(suggestion.level), limits=limits),
                "agreement": "",
                "concepts": count(other.concepts),
                "needs": "no edit",
                "can": False,
                "taken": bool(repair and other == repair.better),
            }
            for other in (repair.baselines if repair else ())
        ],
    }


class FindingPanel(param.Parameterized):
    """Updater of ``panels.finding`` and ``panels.repair`` for the selected student."""

    def __init__(self, app: AppState, panels: StudentPanels) -> None:
        self.app, self.panels = app, panels
        self._words: dict[tuple[str, str, str], WordAp | None] = {}  # by iteration, class, split
        self._words_on: ImageSet | None = None  # the picked images that they are of
        self._named: set[tuple[str, str]] = set()  # suspects that were shown, with their class
        self._taken: dict[tuple[str, str, str], int] = {}  # by iteration, class and concept
        super().__init__()

    @param.depends(
        "app.shifts.param",
        "app.reliance.repaired",
        "app.shared.by_class",
        "app.belong.belonging",
        "app.contradicted.by_class",
        "app.teacher_groups.by_class",
        "app.students.snapshot",
        "app.shown.what",
        "app.changes.arrivals",
        "app.tuning.preview",
        "panels.student",
        watch=True,
        on_init=True,
    )
    def show(self) -> None:
        """Show the finding on the selected student, as far as it is computed."""
        app, name = self.app, self.panels.student
        shift, found = app.shifts.by_class.get(name), app.shifts.differences.get(name)
        terms = app.tuner.terms(app.students.node).get(name)
        taught = {} if terms is None else terms.labels
        known = found if app.rights.asking and shift and not shift.by_teacher else None
        teacher = teacher_sentence(name, app.students.snapshot.teacher.get(name))
        repaired = name in app.reliance.repaired
        finding = make_finding(
            shift,
            found,
            teacher,
            repaired=repaired,
            removal=self._removal(name),
            same=partial(perhaps_same, app.store, name),
        )
        finding = finding or {"sentence": app.shifts.problem}
        if repaired and not teacher and shift and app.store.task == SINGLE_LABEL:
            finding["sentence"] += f" {OTHERS_DECIDE}"
        single = app.contradicted.by_class.get(name)
        if single and single.several and finding["sentence"] and not teacher:
            finding["sentence"] += f" {contradicted_sentence(name, len(single.likely_wrong))}"
        finding["sentence"] = in_words_of(app.store, finding["sentence"])
        if finding.get("suspect"):
            self._named.add((name, finding["suspect"]))
        labels = make_labels(app.store, known, single, taught)
        self.panels.finding = {
            **finding,
            "like": self._like(name, finding.get("remove", "")),
            "labels": labels,
            "labels_note": in_words_of(app.store, MISSING_LABELS),
            "labels_words": make_labels_words(
                len(labels), likely=bool(known and known.labels_wrong)
            ),
            "questions": [] if teacher else make_questions(app.shared.by_class.get(name)),
            "belonging": make_belonging(app.belong.belonging, name),
            "teacher_group": make_teacher_group(
                app.teacher_groups.by_class.get(name, ()), app.students.snapshot.split
            ),
            "terms": terms_words(terms) if terms else [],
            "word": self._word(name),
            "checking": self._checking(name, finding.get("remove", "")),
        }

    def _checking(self, name: str, removed: str) -> bool:
        """Return whether a part of the finding is still computed: what differs between the splits,
        or what the removal of ``removed`` takes along."""
        app = self.app
        if not (name and app.spec.tuning.suspects) or app.shifts.problem:
            return False
        taken = not removed or (app.students.node.id, name, removed) in self._taken
        return not (name in app.shifts.differences and taken)

    def _removal(self, name: str) -> Interval | None:
        """Return the change in AP by the removal of a suspect that waits, or was the last edit;
        None without one, and until it is computed."""
        app = self.app
        if self._removes(app.tuning.pending, name):
            return app.tuning.preview.of(name, AP.key) if app.tuning.preview else None
        if app.tuning.pending or not self._removes(app.students.node.edits, name):
            return None
        return app.changes.last(name, [AP.key]).get(AP.key)

    def _removes(self, edits: Sequence[Any], name: str) -> bool:
        """Return whether all edits of a class remove concepts, one of which the page has named as
        a suspect."""
        own = [edit for edit in edits if edit.class_name == name]
        removed = [
            edit.concept
            for edit in own
            if isinstance(edit, Intent) and edit.direction == REMOVE.key
        ]
        named = any((name, concept) in self._named for concept in removed)
        return named and len(removed) == len(own)

    def _like(self, name: str, concept: str) -> int:
        """Return how many concepts the removal of ``concept`` takes along; 0 until it is
        computed."""
        key = self.app.students.node.id, name, concept
        if concept and key not in self._taken:

            def work(_: Job) -> int:
                return len(self.app.students.removed_with(name, concept)) - 1

            def done(taken: int) -> None:
                self._taken[key] = taken
                if self.panels.student == name:
                    self.show()

            def failed(error: InficondError) -> None:
                if not isinstance(error, CancelledError):  # another class's job took its place
                    done(0)
                self.app.tuning.tell(error)

            self.app.jobs.submit(Job("like", work, done, failed))
        return self._taken.get(key, 0)

    def _word(self, name: str) -> dict[str, str]:
        """Return ``make_word`` of the images shown; the sentence comes once it is computed."""
        app, node, split = self.app, self.app.students.node, self.app.students.snapshot.split
        if not (name and app.spec.tuning.suspects):
            return {}
        if self._words_on != app.shown.images:
            self._words, self._words_on = {}, app.shown.images
        key, words = (made_at(app.tuner, node, name), name, split), self._words
        if key not in words:  # also if another student's job has taken this one's place

            def done(found: WordAp | None) -> None:
                words[key] = found
                if self.panels.student == name:
                    self.show()

            work = partial(word_ap, app.shown.tuner, node, name, split)
            app.jobs.submit(Job("word", lambda _: work(), done, app.tuning.tell, idle=True))
        return make_word(words.get(key), coming=key not in words and has_word(app.store, name))

    @param.depends(
        "app.suggestion.param", "app.tuning.pending", "panels.student", watch=True, on_init=True
    )
    def show_repair(self) -> None:
        """Show a running search for a repair, the result of the last search, or its error. While
        the proposed edits wait in the batch, which lists them, the result is their gain alone."""
        search, limits = self.app.suggestion, self.app.spec.views.intervals
        repair, name = {"sentence": search.problem, "levers": [], "notes": []}, self.panels.student
        if search.latest is not None:
            repair = make_suggestion(search.latest, name, limits=limits)
            found = search.latest.repairs.get(name)
            waiting = self.app.tuning.pending
            if found and found.taken and all(edit in waiting for edit in found.taken.edits):
                told = expected_sentence(search.latest, name, limits=limits)
                if not all(isinstance(edit, Intent) for edit in found.taken.edits):
                    told += f" {OTHER_PREVIEW}"
                repair["sentence"] = told
        running = {"running": search.running, "share": search.share, "text": search.text}
        self.panels.repair = {**repair, **running}

    @property
    def labels(self) -> list[dict[str, Any]]:
        """Labels listed as wrong or doubtful, see ``make_labels``."""
        return list(self.panels.finding.get("labels", []))

    def question(self, kind: str, name: str) -> dict[str, Any]:
        """Return the listed question on a thing; ``ValueError`` if it is not listed."""
        for each in self.panels.finding.get("questions", []):
            if (each["kind"], each["name"]) == (kind, name):
                return dict(each)
        raise ValueError(f"no question is listed on the {kind} {name!r}")

    def listed(self, row: int) -> dict[str, Any]:
        """Return the listed label of the image at ``row``; ``ValueError`` if it is not listed."""
        for each in self.labels:
            if each["row"] == row:
                return each
        raise ValueError(f"no label is listed for the image at row {row}")


class FindingActions(StudentActions):
    """Actions of the browser on the finding: remove a suspect, repair, correct labels."""

    finding: FindingPanel
    panels: StudentPanels

    @action
    def _remove_suspect(self, concept: str) -> None:
        """Add the removal of the finding's concept, and of correlated concepts, to the batch."""
        if concept != self.panels.finding.get("remove"):
            raise ValueError(f"the finding does not remove {concept!r}")
        self.app.tuning.remove_group(self.student, concept)

    @action
    def _belongs(self, kind: str, name: str, on: bool) -> None:
        """Record that a thing belongs to the student's class, or take that back."""
        if name not in names_by_kind(self.app.store, self.student)[kind]:
            raise ValueError(f"there is no {kind} {name!r}")
        self.app.belong.say(ReliedThing(self.student, kind, name), on=on)

    @action
    def _thumb_shared(self, kind: str, name: str) -> None:
        """Add the thumb of a question to the batch, on all concepts that show its thing, or remove
        it."""
        asked = self.finding.question(kind, name)
        self.app.tuning.toggle_group(self.student, asked["concepts"], asked["direction"])

    @action
    def _open_teacher_group(self) -> None:
        """Pick the images of the group in which the teacher is worse."""
        group = self.panels.finding.get("teacher_group", {})
        if not group.get("opens"):
            raise ValueError("no group of the teacher is shown whose images can be opened")
        student = self.app.students.student(self.student)
        images = group_images(student, group["column"], group["group"])
        self.app.selection.open_images(images)

    @action
    def _suggest(self) -> None:
        self.app.suggestion.ask([self.student])

    @action
    def _take_lever(self, name: str) -> None:
        """Replace suggested repairs in the batch by the edits of the repair ``name``."""
        latest = self.app.suggestion.latest
        repair = latest.repairs.get(self.student) if latest else None
        levers = repair.levers if repair else ()
        edits = next((each.edits for each in levers if each.name == name), ())
        if not edits:
            raise ValueError(f"no suggested repair has the name {name!r}")
        for edit in chain.from_iterable(each.edits for each in levers):
            self.app.tuning.take_out(place_of(edit))
        self.app.tuning.put(edits)

    @action
    def _label_pictures(self) -> None:
        rows = [each["row"] for each in self.finding.labels]
        send_pictures(self.app, self.panels, rows, lambda row: tile_uri(self.app.store, row))

    @action
    def _open_label(self, row: int) -> None:
        """Show the images with the listed labels, and the image at ``row`` large."""
        self.finding.listed(row)
        student = self.app.students.student(self.student)
        rows = [each["row"] for each in self.finding.labels]
        title = f"{self.student}, {self.panels.finding['labels_words']}"
        self.app.selection.open_images(image_set(student, title, rows, enlarged=row))

    @action
    def _correct_label(self, row: int) -> None:
        """Add the opposite label of an image to the batch, or remove it again."""
        one = self.finding.listed(row)
        self.app.tuning.toggle(Label(self.student, one["image"], 1 - one["label"]))
