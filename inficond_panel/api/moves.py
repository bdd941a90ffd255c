"""History actions of scripted students: tune, undo, jump, name, label photos, add concepts."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pandas as pd

from inficond_panel.api.arguments import (
    ShownTeaching,
    answers_of,
    as_asked,
    asked_frame,
    check_word,
    several,
)
from inficond_panel.concepts.typed import check_typing
from inficond_panel.export.folder import edits_text
from inficond_panel.predict import text_encoder
from inficond_panel.results.belonging import belonging
from inficond_panel.results.events import events
from inficond_panel.results.history import iterations
from inficond_panel.results.other_students import others
from inficond_panel.spec import find_edits
from inficond_panel.tuning import Node, Student, Tuner, read_edits
from inficond_panel.tuning.answers import teach
from inficond_panel.tuning.belonging import find_thing
from inficond_panel.tuning.edits import Edit, as_stored, thumbs_of
from inficond_panel.tuning.notices import within_iteration
from inficond_panel.tuning.opening import add_concept, remove_concept
from inficond_panel.tuning.other_students import NodeName, find_node
from inficond_panel.tuning.replay import back_up, bring_back, replay_into, same_weights
from inficond_panel.tuning.suggest import Suggestion, carry_out
from inficond_panel.tuning.thumbs import by_concept, known_name
from inficond_panel.vocabulary.intents import ASKED, DOWN, RELEASE, REMOVE, UP
from inficond_panel.vocabulary.splits import HOLDOUT, SPLITS


class Moves:
    """The students of one store at one iteration, with methods that go to other iterations.

    These methods change and return the object. The history is shared with the page: object and
    page see each other's iterations, jumps and labels.
    """

    def __init__(self, tuner: Tuner, node: Node | None = None) -> None:
        self.tuner = tuner
        self._node = node

    @property
    def node(self) -> Node:
        """Current iteration of the students: weights (C, K), bounds, certificate.

        At first the iteration that the page shows; distills the students if the history is empty.
        """
        if self._node is None:
            self._node = self.tuner.head()
        return self._node

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the columns of all predictions."""
        return list(self.tuner.store.classes)

    @property
    def concepts(self) -> list[str]:
        """Names of the concepts, in the order of the columns of the scores."""
        return list(self.tuner.store.concepts)

    @property
    def history(self) -> pd.DataFrame:
        """Table of iterations, oldest first: parent, intents, author, time, and ``here`` (True for
        the iteration of this object).

        >>> list(students.remove("boat", "lifebuoy").history["intents"])
        ['', 'remove lifebuoy on boat']
        """
        return iterations(self.tuner, self.node)

    @property
    def events(self) -> pd.DataFrame:
        """Table of all events of the history, by number: kind, iteration, author, time, text."""
        return events(self.tuner)

    def edits(self) -> str:
        """Return the edits from the original students to this iteration, as text of an edits file.

        ``fit().tune(FILE)``, or ``inficond tune SPEC --edits FILE``, repeats them.
        """
        return edits_text(self.tuner, self.node)

    def back_up(self, file: str | Path) -> Self:
        """Copy the history, with its typed concepts, to a new file, also while a server uses it.

        Raises ``TuningError`` if the file already exists.
        """
        back_up(self.tuner, Path(file))
        return self

    def bring_back(self, file: str | Path) -> Self:
        """Replace the history by a copy made with ``back_up``; the old history is kept in a file.

        Raises ``TuningError`` for a file that is no copy of a history of these students.
        """
        return self._over(bring_back(self.tuner, Path(file))[0])

    def replay(self, file: str | Path) -> pd.DataFrame:
        """Repeat all events of the history in a new history, ``file``, and compare the iterations.

        One row per iteration: its id, the ``replayed`` iteration's id, and ``equal``: True if the
        weights are equal bit for bit. Raises ``TuningError`` if the file has iterations already.
        """
        _, pairs = replay_into(self.tuner, file)
        rows = [(old.id, new.id, same_weights(old, new)) for old, new in pairs]
        return pd.DataFrame(rows, columns=["id", "replayed", "equal"]).set_index("id")

    @property
    def others(self) -> pd.DataFrame:
        """Table of other students in the same history, by the id of their #0.

        They have other concepts (typed concepts were added or removed) or other settings of the
        spec; the column ``differs`` names them.
        """
        return others(self.tuner)

    def student(self, class_name: str, split: str) -> Student:
        """Return the student of a class at this iteration, with the images of a split.

        Counts a use of the holdout. Raises ``TuningError`` for an unknown class or split.
        """
        name = known_name("class", class_name, self.classes)
        self.count_look(split)
        return self.tuner.at(self.node, split)[name]

    def count_look(self, split: str, node: Node | None = None) -> None:
        """Record in the history that results on the holdout were seen, if ``split`` is the holdout.

        ``node`` is by default this iteration. Raises ``TuningError`` for an unknown split.
        """
        check_word("split", split, SPLITS)
        if split == HOLDOUT:
            self.tuner.count_look(node or self.node, split)

    def fit(self) -> Self:
        """Go to the original students, #0; distills them unless the history has them."""
        self._node = self.tuner.root()
        return self

    def resume(self) -> Self:
        """Go to the iteration that the page shows."""
        self._node = self.tuner.head()
        return self

    def tune(self, intents: Edit | Suggestion | Iterable[object] | Path) -> Self:
        """Refit with one batch of intents, and go to the new iteration.

        An intent is ``(class, concept, direction)``, optionally with a factor as fourth item. A
        list in place of the concept is a group; class ``"*"`` means all, unless a class is
        called so; directions are ``up``, ``down``, ``remove``, ``release``. A bound or repair is a
        mapping as in an edits file: ``{"class": "truck", "direction": "lambda", "value":
        "auto"}``. Also accepted: a single intent, objects of ``inficond_panel.tuning``
        (``Intent``, ``GroupIntent``, ``Reweight``, ``Learn``, ``AdaptivePenalty``, ``Lambda``,
        ``Label``), the
        path of an edits file, whose iterations follow each other, and the result of ``suggest``,
        recorded with the machine as author. Warns of contradicting thumbs, of which one
        counts. Raises ``TuningError`` for unknown names, and for an invalid intent.

        >>> students.tune([("bicycle", ["traffic light", "vertical traffic light"], "remove")])
        <TunableStudents 'Drawn scenes': 16 classes, 236 concepts, at #1 (9867fbf9051e)>
        """
        if isinstance(intents, str | Path):
            for batch in read_edits(find_edits(intents), self.tuner.store):
                self.tune(batch)
            return self
        before = self.node
        if isinstance(intents, Suggestion):
            node = carry_out(self.tuner, intents) or before
        else:
            written = as_asked(intents, self.classes)
            edits = [as_stored(edit, self.tuner.store) for edit in written]
            node = self.tuner.fine_tune(before, edits)
            thumbs = by_concept(thumbs_of(edits), self.tuner.spec.tuning.factor)
            for sentence in within_iteration(thumbs):
                warnings.warn(sentence, UserWarning, stacklevel=2)
        return self._move_to(node, before)

    def up(
        self,
        class_name: str,
        concept: str | Sequence[str],
        factor: float | None = None,
        *,
        bound: float | None = None,
    ) -> Self:
        """Refit with a thumb up (raise) on one or several concepts; ``bound``, in place of a
        factor, is the least influence.

        >>> students.up("bicycle", "bicycle", 2).node.number
        1
        """
        return self.tune((class_name, concept, UP.key, factor, bound))

    def down(
        self,
        class_name: str,
        concept: str | Sequence[str],
        factor: float | None = None,
        *,
        bound: float | None = None,
    ) -> Self:
        """Refit with a thumb down (lower) on one or several concepts; ``bound``, in place of a
        factor, is the largest influence."""
        return self.tune((class_name, concept, DOWN.key, factor, bound))

    def remove(self, class_name: str, concept: str | Sequence[str]) -> Self:
        """Refit with the influence of one or several concepts fixed at 0."""
        return self.tune((class_name, concept, REMOVE.key))

    def release(self, class_name: str, concept: str | Sequence[str]) -> Self:
        """Refit without the active bound on one or several concepts."""
        return self.tune((class_name, concept, RELEASE.key))

    def ask(
        self, class_name: str, n: int = ASKED, *, folder: str | Path | None = None
    ) -> pd.DataFrame:
        """Return a frame of ``n`` photos to label, most informative first; fill in ``answer``.

        They are photos of tune, and photos added by ``extend``, on which the student disagrees with
        the concept named like the class. Thumbnails are written to ``folder``, with their paths in
        ``path``. Raises ``TuningError`` for an unknown class, and for students that cannot learn
        labels.

        >>> students.ask("bicycle", 2)
                       class  rank path                                 why  answer
        image
        scene-01168  bicycle     1       the student and 'bicycle' disagree    <NA>
        scene-01195  bicycle     2       the student and 'bicycle' disagree    <NA>
        """
        return asked_frame(self.tuner, self.node, class_name, n, folder)

    def teach(
        self,
        class_name: str,
        answers: Mapping[str, object] | pd.DataFrame | str | Path,
        *,
        force: bool = False,
    ) -> ShownTeaching:
        """Evaluate a student on labelled photos; refit it with these labels if that helps.

        ``answers`` maps images to 1, 0 (True, False) or None, or is the filled-in frame of ``ask``,
        or the CSV file of ``inficond ask``. The refit becomes a new iteration if the student is
        wrong on at least a tenth of the photos and the cross-fitted refit lowers the mean loss on
        them; with ``force`` always.
        Returns a report that prints as sentences; its ``node`` is None without a new iteration.
        Raises ``TuningError`` for unknown names, ``AnswersError`` for a file with errors.
        """
        before = self.node
        replies = answers_of(self.tuner.store, class_name, answers)
        teaching = ShownTeaching(**vars(teach(self.tuner, before, replies, force=force)))
        if teaching.node is not None:
            self._move_to(teaching.node, before)
        return teaching

    def undo(self) -> Self:
        """Go to the parent of this iteration. Nothing is deleted.

        >>> students.remove("boat", "lifebuoy").undo().node.number
        0
        """
        return self._at(self.tuner.history.undo(self.tuner.root_id, self.node.id))

    def redo(self) -> Self:
        """Go back to the iteration that the last ``undo`` left."""
        return self._at(self.tuner.history.redo(self.tuner.root_id, self.node.id))

    def jump(self, node: NodeName) -> Self:
        """Go to any iteration, by its number, id or name."""
        target = find_node(self.tuner, node)
        self.tuner.history.set_head(self.tuner.root_id, target.id, "jump", self.node.id)
        return self._at(target.id)

    def rename(self, name: str, node: NodeName | None = None) -> Self:
        """Name this iteration, or ``node``; an empty ``name`` removes the name."""
        self.tuner.rename(self._node_at(node).id, name)
        return self._at(self.node.id)

    def note(self, text: str, node: NodeName | None = None) -> Self:
        """Set the text of the note of this iteration, or of ``node``."""
        self.tuner.set_note(self._node_at(node).id, text)
        return self._at(self.node.id)

    def meant(self, class_name: str, world: str, node: NodeName | None = None) -> Self:
        """Record for which world the thumbs on a class are meant, of this iteration or of ``node``.

        ``world`` is ``these`` (photos like the tuning images) or ``independent`` (the class appears
        equally often with and without the lowered concepts), as in ``two_worlds``. No student
        changes. Raises ``TuningError`` for another world, and for a class without a thumb.
        """
        self.tuner.set_meant(self._node_at(node).id, {class_name: world})
        return self._at(self.node.id)

    def belongs(self, class_name: str, name: str, *, on: bool = True) -> Self:
        """Record that a thing belongs to a class, so that relying on it is no fault; or take that
        back (``on`` False).

        ``name`` is a concept, another class, or the value of a column of metadata, ``male = 1``.
        ``doctor`` and the page name it no more as what may be wrong. No student changes. Raises
        ``TuningError`` for unknown names.
        """
        thing = find_thing(self.tuner.store, class_name, name)
        self.tuner.set_belongs(self.node.id, thing, on=on)
        return self

    def belonging(self) -> pd.DataFrame:
        """Return a table of what belongs to which class, with who said it and when."""
        return belonging(self.tuner)

    def tag(self, images: str | Sequence[str], tag: str) -> Self:
        """Add a tag to images, by their ids; ``gallery`` has a column of tags."""
        self.tuner.tag(several(images), tag)
        return self

    def untag(self, images: str | Sequence[str], tag: str) -> Self:
        """Remove a tag from images."""
        self.tuner.tag(several(images), tag, on=False)
        return self

    def tags(self) -> pd.DataFrame:
        """Return a table with one row per image and tag."""
        rows = [(image, tag) for image, tags in self.tuner.tags().items() for tag in tags]
        return pd.DataFrame(rows, columns=["image", "tag"])

    def delete(self, node: NodeName) -> Self:
        """Hide an iteration and all its descendants; ``restore`` shows them again.

        Raises ``TuningError`` for #0, and if this iteration or the page's would be hidden.
        """
        self.tuner.history.delete(find_node(self.tuner, node).id, [self.node.id])
        return self

    def restore(self, node: NodeName) -> Self:
        """Show a deleted branch again."""
        self.tuner.history.restore(find_node(self.tuner, node, deleted=True).id)
        return self

    def add_concept(self, text: str, *, images: Sequence[str] | None = None) -> Self:
        """Add the concept ``text``: ``name`` or ``name, synonym, synonym``; no photo is read.

        A text needs the extra ``precompute`` and the spec's encoder. With ``images``, the ids of
        five or more photos of the store that show the concept, the concept is made from their
        segments, without an encoder. Students over the new concepts start a new tree of iterations
        from their own #0. Raises ``DataError`` for a concept that exists, too few images or an
        unknown image; ``MissingExtraError``.
        """
        check_typing(self.tuner.store)
        encoder = text_encoder(self.tuner.spec) if images is None else None
        return self._over(add_concept(self.tuner, text, encoder, images=images or ()))

    def remove_concept(self, name: str) -> Self:
        """Remove a typed concept (added by ``add_concept``); go to the students without it."""
        return self._over(remove_concept(self.tuner, name))

    def _over(self, tuner: Tuner) -> Self:
        self.tuner, self._node = tuner, None
        return self

    def _at(self, node_id: str) -> Self:
        self._node = self.tuner.node(node_id)
        return self

    def _move_to(self, node: Node, before: Node) -> Self:
        """Make ``node``, refitted from ``before``, the iteration of this object and of the page."""
        if node != before:
            self.tuner.history.set_head(self.tuner.root_id, node.id, "fine-tune", before.id)
        return self._at(node.id)

    def _node_at(self, node: NodeName | None) -> Node:
        return self.node if node is None else find_node(self.tuner, node)
