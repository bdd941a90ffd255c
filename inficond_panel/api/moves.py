"""Moves of scripted students in their history: tuning, undo, branches, labels, concepts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pandas as pd

from inficond_panel.api.asked_photos import ShownTeaching, answers_of, asked_frame
from inficond_panel.api.names import check_split, several
from inficond_panel.api.written_intents import as_asked
from inficond_panel.concepts.typed import check_typing
from inficond_panel.export.folder import edits_text
from inficond_panel.predict import text_encoder
from inficond_panel.results.history import events, iterations, others
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.tuning.answers import ASKED, teach
from inficond_panel.tuning.edits import Edit
from inficond_panel.tuning.opening import add_concept, remove_concept
from inficond_panel.tuning.other_students import NodeName, find_node
from inficond_panel.tuning.replay import back_up, bring_back, replay_into, same_weights
from inficond_panel.tuning.suggest import Suggestion, carry_out
from inficond_panel.tuning.thumbs import check_name
from inficond_panel.vocabulary.intents import DOWN, RELEASE, REMOVE, UP
from inficond_panel.vocabulary.splits import HOLDOUT


class Moves:
    """The students of one store at one iteration of their history, and the ways to others.

    Each way returns the object itself. Iterations, moves and labels go to the same history as
    those made on the page.
    """

    def __init__(self, tuner: Tuner, node: Node | None = None) -> None:
        self.tuner = tuner
        self._node = node

    @property
    def node(self) -> Node:
        """The iteration that the students are at: weights (C, K), bounds, certificate.

        At first the one that the page shows; the students are distilled if they are not yet.
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
        """The iterations, oldest first: parent, intents, author, time; ``here`` is this one.

        >>> list(students.remove("boat", "lifebuoy").history["intents"])
        ['', 'remove lifebuoy on boat']
        """
        return iterations(self.tuner, self.node)

    @property
    def events(self) -> pd.DataFrame:
        """All that happened in the history, by its number: kind, iteration, author, time, text."""
        return events(self.tuner)

    def edits(self) -> str:
        """The edits file that leads from the original students to this iteration, as YAML.

        ``inficond tune SPEC --edits FILE`` carries it out.
        """
        return edits_text(self.tuner, self.node)

    def back_up(self, file: str | Path) -> Self:
        """Copy the history, with its typed concepts, to a new file; it may be served meanwhile.

        Raises ``TuningError`` where the file already exists.
        """
        back_up(self.tuner, Path(file))
        return self

    def bring_back(self, file: str | Path) -> Self:
        """Go on with a copy of the history; what it held until now is kept in a file beside it.

        Raises ``TuningError`` for a file that is no copy of a history of these students.
        """
        return self._over(bring_back(self.tuner, Path(file))[0])

    def replay(self, file: str | Path) -> pd.DataFrame:
        """Carry out all that happened in a new history; ``equal`` is True bit for bit.

        One row per iteration, by its id, with the ``replayed`` one's. Raises ``TuningError`` where
        the file has iterations already.
        """
        _, pairs = replay_into(self.tuner, file)
        rows = [(old.id, new.id, same_weights(old, new)) for old, new in pairs]
        return pd.DataFrame(rows, columns=["id", "replayed", "equal"]).set_index("id")

    @property
    def others(self) -> pd.DataFrame:
        """Other students in the same history, by the id of their #0: iterations, what differs.

        They are over other concepts (typed ones came or went), or have other settings.
        """
        return others(self.tuner)

    def student(self, class_name: str, split: str) -> Student:
        """The student of a class at this iteration, with the images of a split.

        A look at the holdout is counted. Raises ``TuningError`` for names that are not there.
        """
        check_name("class", class_name, self.tuner.store.classes)
        self.count_look(split)
        return self.tuner.at(self.node, split)[class_name]

    def count_look(self, split: str, node: Node | None = None) -> None:
        """Check the name of a split, and count a look if it is the holdout: at ``node``, or here.

        Raises ``TuningError``.
        """
        check_split(split)
        if split == HOLDOUT:
            self.tuner.count_look(node or self.node, split)

    def fit(self) -> Self:
        """Go to the original students; they are distilled, or taken from the history."""
        self._node = self.tuner.root()
        return self

    def resume(self) -> Self:
        """Go to the iteration that the page shows."""
        self._node = self.tuner.head()
        return self

    def tune(self, intents: Edit | Suggestion | Iterable[object]) -> Self:
        """Refit with one batch of intents, and go to the new iteration.

        An intent is ``(class, concept, direction)``, with a factor behind it if wanted; a list of
        concepts is a group, each of which gets the thumb; the class ``"*"`` is each class. A
        direction is ``up``, ``down``, ``remove`` or ``release``. A thumb with a bound is, like a
        cure, a mapping as in an edits file: ``{"class": "truck", "direction": "lambda", "value":
        "auto"}``. ``Intent``, ``GroupIntent``, ``Balance``, ``Learn``, ``Doubt``, ``Lambda`` and
        ``Label`` of ``inficond_panel.tuning`` do as well, one intent alone, and what ``suggest``
        gives, which is recorded as the machine's. Raises ``TuningError`` for names that are not
        there, and for what is not an intent.

        >>> students.tune([("bicycle", ["traffic light", "vertical traffic light"], "remove")])
        <TunableStudents 'Drawn scenes': 16 classes, 236 concepts, at #1 (6ead4f370102)>
        """
        before = self.node
        if isinstance(intents, Suggestion):
            node = carry_out(self.tuner, intents) or before
        else:
            node = self.tuner.fine_tune(before, as_asked(intents, self.classes))
        return self._move_to(node, before)

    def up(
        self,
        class_name: str,
        concept: str | Sequence[str],
        factor: float | None = None,
        *,
        bound: float | None = None,
    ) -> Self:
        """Refit with a thumb up on a concept, or on each of several; ``bound`` is its least
        influence, in place of a factor.

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
        """Refit with a thumb down on a concept, or on each of several; ``bound`` is its largest
        influence, in place of a factor."""
        return self.tune((class_name, concept, DOWN.key, factor, bound))

    def remove(self, class_name: str, concept: str | Sequence[str]) -> Self:
        """Refit without a concept's influence, or that of each of several."""
        return self.tune((class_name, concept, REMOVE.key))

    def release(self, class_name: str, concept: str | Sequence[str]) -> Self:
        """Refit without the bound in force on a concept, or on each of several."""
        return self.tune((class_name, concept, RELEASE.key))

    def ask(
        self,
        class_name: str,
        n: int = ASKED,
        *,
        folder: str | Path | None = None,
    ) -> pd.DataFrame:
        """Photos to answer, the one that would teach most first, with an empty ``answer``.

        They are photos of tune, or of those added by ``extend``, on which the student and the
        concept named like the class disagree. Their pictures are written to ``folder``, and
        ``path`` names them. Raises ``TuningError`` for names that are not there, and for students
        that learn no labels.

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
        """Judge the student by answers on photos; where that helps teach it, and go there.

        ``answers`` are 1, 0 (True, False) or None by image, the frame of ``ask`` filled in, or the
        CSV file of ``inficond ask``. The student is taught where it is wrong on a tenth of the
        photos or more, and its mean loss on them falls once it has learned the other answers
        (cross-fitted); with ``force`` in any case.
        What is returned shows itself in sentences; its ``node`` is None where nothing was taught.
        Raises ``TuningError`` for names that are not there, ``AnswersError`` for a file.
        """
        before = self.node
        replies = answers_of(self.tuner.store, class_name, answers)
        teaching = ShownTeaching(**vars(teach(self.tuner, before, replies, force=force)))
        if teaching.node is not None:
            self._move_to(teaching.node, before)
        return teaching

    def undo(self) -> Self:
        """Go to the iteration that this one was tuned from. Nothing is deleted.

        >>> students.remove("boat", "lifebuoy").undo().node.number
        0
        """
        return self._at(self.tuner.history.undo(self.tuner.root_id, self.node.id))

    def redo(self) -> Self:
        """Go back to the iteration last left by ``undo``."""
        return self._at(self.tuner.history.redo(self.tuner.root_id, self.node.id))

    def jump(self, node: NodeName) -> Self:
        """Go to any iteration, by its number, id or name."""
        target = find_node(self.tuner, node)
        self.tuner.history.set_head(self.tuner.root_id, target.id, "jump", self.node.id)
        return self._at(target.id)

    def rename(self, name: str, node: NodeName | None = None) -> Self:
        """Name this iteration, or the one that ``node`` names; an empty name takes it away."""
        self.tuner.rename(self._node_at(node).id, name)
        return self._at(self.node.id)

    def note(self, text: str, node: NodeName | None = None) -> Self:
        """Note something on this iteration, or on the one that ``node`` names."""
        self.tuner.set_note(self._node_at(node).id, text)
        return self._at(self.node.id)

    def tag(self, images: str | Sequence[str], tag: str) -> Self:
        """Give images a tag, by their ids; ``gallery`` and its files tell it."""
        self.tuner.tag(several(images), tag)
        return self

    def untag(self, images: str | Sequence[str], tag: str) -> Self:
        """Take a tag from images."""
        self.tuner.tag(several(images), tag, on=False)
        return self

    def tags(self) -> pd.DataFrame:
        """One row per image and tag."""
        rows = [(image, tag) for image, tags in self.tuner.tags().items() for tag in tags]
        return pd.DataFrame(rows, columns=["image", "tag"])

    def delete(self, node: NodeName) -> Self:
        """Hide an iteration and all that follow from it; ``restore`` brings them back.

        Raises ``TuningError`` for #0, and where this iteration or the page's is among them.
        """
        target = find_node(self.tuner, node)
        self.tuner.history.delete(target.id, [self.node.id])
        return self

    def restore(self, node: NodeName) -> Self:
        """Show a deleted branch again."""
        self.tuner.history.restore(find_node(self.tuner, node, deleted=True).id)
        return self

    def add_concept(self, text: str, *, images: Sequence[str] | None = None) -> Self:
        """Add a concept: ``name``, or ``name, synonym, synonym``; no photo is read.

        ``images`` are the ids of five or more photos of the store that show it: the concept is what
        they have in common. Else it is its texts, which needs the extra ``precompute`` and the
        spec's encoder. The students over it have iterations of their own; these are at the one that
        the page shows. Raises ``DataError`` for a concept that is there, too few images or one that
        is not in the store, ``MissingExtraError``.
        """
        check_typing(self.tuner.store)
        encoder = text_encoder(self.tuner.spec) if images is None else None
        return self._over(add_concept(self.tuner, text, encoder, images=images or ()))

    def remove_concept(self, name: str) -> Self:
        """Take a typed concept away; the students without it are there again."""
        return self._over(remove_concept(self.tuner, name))

    def _over(self, tuner: Tuner) -> Self:
        self.tuner, self._node = tuner, None
        return self

    def _at(self, node_id: str) -> Self:
        self._node = self.tuner.node(node_id)
        return self

    def _move_to(self, node: Node, before: Node) -> Self:
        """Go to the iteration that was made from ``before``, as the page would."""
        if node != before:
            self.tuner.history.set_head(self.tuner.root_id, node.id, "fine-tune", before.id)
        return self._at(node.id)

    def _node_at(self, node: NodeName | None) -> Node:
        return self.node if node is None else find_node(self.tuner, node)
