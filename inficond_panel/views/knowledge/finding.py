"""Finding on one student: why it is worse on other images, wrong labels, possible repairs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any

import param

from inficond_panel.common.interval import Interval
from inficond_panel.concepts.own_words import has_word, perhaps_same
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.image_sets import ImageSet, image_set
from inficond_panel.results.own_word import WordAp, word_ap
from inficond_panel.results.picked_images import group_images
from inficond_panel.results.shift import made_at
from inficond_panel.results.worse_groups import WorseGroup
from inficond_panel.state import AppState, Job
from inficond_panel.tuning import Intent
from inficond_panel.tuning.belonging import names_by_kind
from inficond_panel.tuning.edits import place_of
from inficond_panel.tuning.history.belongs import ReliedThing
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.ui.component import action
from inficond_panel.ui.images import send_pictures, tile_uri
from inficond_panel.views.knowledge.found import (
    MAY_BE_WRONG,
    make_belonging,
    make_finding,
    make_labels,
    make_labels_words,
    make_questions,
    make_suggestion,
    make_tune_labels,
    make_word,
    make_worse_group,
)
from inficond_panel.views.knowledge.parts import StudentActions, StudentPanels
from inficond_panel.vocabulary.intents import REMOVE
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.metrics import teacher_sentence
from inficond_panel.wording.repairs import OTHER_PREVIEW, expected_sentence, terms_words
from inficond_panel.wording.shift_kinds import MISSING_LABELS, contradicted_sentence
from inficond_panel.wording.suspects import OTHERS_DECIDE
from inficond_panel.wording.things import in_words_of


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
        "app.decided.by_class",
        "app.teacher_groups.by_class",
        "app.student_groups.found",
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
            finding["sentence"] += f" {contradicted_sentence(name, single)}"
        if finding["sentence"] and not teacher:
            told = app.decided.by_class.get(name, ())
            finding["sentence"] = " ".join([finding["sentence"], *(each.finding for each in told)])
            finding["hover"] = finding.get("hover") or " ".join(each.remedy for each in told)
        finding["sentence"] = in_words_of(app.store, finding["sentence"])
        if finding.get("suspect"):
            self._named.add((name, finding["suspect"]))
        labels, split = make_labels(app.store, known, single, taught), app.students.snapshot.split
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
            "worse_group": make_worse_group(self._worse_groups(name), split),
            "tune_labels": make_tune_labels(known, split),
            "terms": terms_words(terms) if terms else [],
            "word": self._word(name),
            "checking": self._checking(name, finding.get("remove", "")),
        }

    def _worse_groups(self, name: str) -> list[WorseGroup]:
        """Return the groups in which the teacher is worse, then those in which the student is."""
        groups = self.app.teacher_groups.by_class, self.app.student_groups.found
        return [each for by_class in groups for each in by_class.get(name, ())]

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
    def _open_worse_group(self) -> None:
        """Pick the images of the group in which the teacher is worse, or the student."""
        group = self.panels.finding.get("worse_group", {})
        if not group.get("opens"):
            raise ValueError("no worse group is shown whose images can be opened")
        student = self.app.students.student(self.student)
        images = group_images(student, group["column"], group["group"])
        self.app.selection.open_images(images)

    @action
    def _open_tune_labels(self) -> None:
        """Pick the tuning images whose label may be wrong."""
        rows = self.panels.finding.get("tune_labels", {}).get("rows")
        if not rows:
            raise ValueError("no tuning image is shown whose label may be wrong")
        student = self.app.students.student(self.student)
        title = f"{self.student}, {MAY_BE_WRONG}"
        self.app.selection.open_images(image_set(student, title, rows))

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
