"""State that needs the networks of a spec: decisions on a new photo, and typed concepts."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import param
from PIL import Image

from inficond_panel.common.numbers import signed
from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.concepts.texts import TWIN_COSINE, EncodesText, texts_of
from inficond_panel.concepts.typed import check_typing
from inficond_panel.errors import CancelledError, DataError, InficondError, TuningError
from inficond_panel.export.folder import as_exported
from inficond_panel.export.predictions import Abstaining, Prediction, abstaining, predict
from inficond_panel.state.jobs import Job, Jobs, Status, Working
from inficond_panel.state.selection import EVERYTHING, Rights
from inficond_panel.state.students import StudentsState
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.opening import (
    add_concept,
    nearest_concepts,
    remove_concept,
    typed_of,
    typed_text,
)
from inficond_panel.tuning.replay import carry_on

#: Bytes of the largest accepted photo: as base64 text it fits into a WebSocket message of 1 MB.
MOST_PHOTO_BYTES = 600_000
#: Image formats that the page may send.
PHOTO_FORMATS = ("JPEG", "PNG")
_LEFT = 0.1  #: share of the progress bar that is filled when the work begins


class PhotoScorer(Protocol):
    """Encoder and teacher that score a new photo; they are loaded when they are first used."""

    @property
    def side(self) -> int:
        """Longer side in pixels to which the browser scales a photo down before sending it."""

    def check(self, store: Store) -> None:
        """Raise an ``InficondError`` if photos cannot be scored here; load no network."""

    def score(
        self,
        store: Store,
        photo: bytes,
        progress: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> PhotoScores:
        """Return concept scores and logits of one photo from the bytes of its file."""


@dataclass(frozen=True, eq=False)
class DecidedPhoto:
    """Scores of a photo, and the predictions of the students of ``node`` on it, by class.

    ``rules`` state when the students abstain from a decision; None: they always decide.
    """

    node: Node
    scores: PhotoScores = field(repr=False)
    predictions: dict[str, Prediction] = field(repr=False)
    rules: Abstaining | None = field(default=None, repr=False)


class PhotoState(Working):
    """State of the photo that is open in this session; the next photo replaces it.

    ``decided`` holds predictions of the students shown. ``close`` forgets the photo: neither the
    photo nor its scores are written to disk or to the history.
    """

    KEY = "new photo"
    RUNNING = frozenset({"deciding"})

    decided = param.ClassSelector(class_=DecidedPhoto, default=None, doc="None: no photo is open.")
    missing = param.String("", doc="Why no photo can be opened here; empty: it can.")
    asked = param.Number(
        0.0, bounds=(0, 1), doc="Accuracy on tune that decisions need; 0: students never abstain."
    )

    def __init__(
        self, students: StudentsState, jobs: Jobs, scorer: PhotoScorer | None, rights: Rights
    ) -> None:
        self.students, self.scorer, self.rights = students, scorer, rights
        super().__init__(jobs)
        self.look()

    @property
    def side(self) -> int:
        """Largest accepted longer side of a photo, in pixels; 0 if no photo is accepted."""
        return 0 if self.scorer is None or self.missing else self.scorer.side

    def look(self) -> None:
        """Set ``missing``: why no photo can be scored here, or empty. Loads no network."""
        try:
            self.rights.require("photos")
            if self.scorer is None:
                raise DataError("This page has no encoder.", "Open it with inficond serve.")
            self.scorer.check(self.students.tuner.store)
        except InficondError as error:
            self.missing = error.whole_for_page
        else:
            self.missing = ""

    def put(self, photo: bytes) -> None:
        """Open the photo in these bytes instead of the open photo, and predict on it."""
        self.look()
        scorer = self.scorer
        if scorer is None or self.missing:
            return
        try:
            check_photo(photo, scorer.side)
        except DataError as error:
            self.jobs.cancel(self.KEY)
            self.fail(error)
            return
        store = self.students.tuner.store

        def work(job: Job) -> DecidedPhoto:
            report = self.jobs.progress(job)
            scores = scorer.score(store, photo, lambda text: report(_LEFT, text), job.cancelled)
            return self._decided(scores)

        self.param.update(decided=None, status=Status("deciding", "Waiting for its turn"))
        self._submit(work)

    def close(self) -> None:
        """Forget the photo, and cancel work on it."""
        self.jobs.cancel(self.KEY)
        status = Status("cancelling", "Cancelling") if self.busy else Status()
        self.param.update(decided=None, status=status)

    @param.depends("students.snapshot", "asked", watch=True)
    def _follow(self) -> None:
        """Predict again from the photo's scores after the students or the accuracy have changed."""
        known = self.decided
        if known is None:
            return
        asked = known.rules.accuracy if known.rules else 0.0
        if (known.node, asked) != (self.students.node, self.asked):
            self._submit(lambda _: self._decided(known.scores))

    def _decided(self, scores: PhotoScores) -> DecidedPhoto:
        node, tuner, asked = self.students.node, self.students.tuner, self.asked
        students = as_exported(tuner, node, {})
        predictions, rules = predict(students, scores), None
        if asked:
            rules = abstaining(students, tuner.store, asked, tuner.spec.views.noise())
            predictions = rules.apply(predictions)
        return DecidedPhoto(node, scores, {one.class_name: one for one in predictions}, rules)

    def _submit(self, work: Callable[[Job], DecidedPhoto]) -> None:
        def done(decided: DecidedPhoto) -> None:
            if job.cancelled():  # closed since, or replaced by an unreadable photo
                self._rest()
                return
            self.param.update(decided=decided, status=Status())
            self._follow()  # other students may be shown since

        job = Job(self.KEY, work, done, self.fail, self._report)
        self.jobs.submit(job)

    def fail(self, error: InficondError) -> None:
        """Show why there are no predictions; show nothing if the work was cancelled."""
        if isinstance(error, CancelledError):
            self._rest()
        else:
            self.param.update(decided=None, status=Status.of(error))

    def _rest(self) -> None:
        """Set an idle status after work was cancelled, but keep the error of a newer photo."""
        if self.busy:
            self.status = Status()


def check_photo(photo: bytes, side: int) -> None:
    """Raise ``DataError`` for a photo that is no JPEG or PNG, or has too many bytes or pixels.

    At most ``MOST_PHOTO_BYTES`` bytes and ``side`` pixels; only the file's header is read.
    """
    if len(photo) > MOST_PHOTO_BYTES:
        raise DataError(
            f"The photo has {len(photo):,} bytes, over {MOST_PHOTO_BYTES:,}.",
            "Choose a smaller photo.",
        )
    try:
        with Image.open(io.BytesIO(photo), formats=PHOTO_FORMATS) as image:
            longest = max(image.size)
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file
        raise DataError("This is not a JPEG or PNG photo.", "Choose a JPEG or PNG.") from error
    if longest > side:
        raise DataError(
            f"The photo has {longest:,} pixels in its longer side, over {side:,}.",
            "Choose a smaller photo.",
        )


#: Share of the progress bar for the encoder; the students fill the remaining part.
_ENCODED = 0.3
#: Largest number of characters of a typed concept with its synonyms.
LONGEST_CONCEPT = 1_000


class LateTextEncoder(EncodesText, Protocol):
    """A text encoder that is loaded when it is first used."""

    def check(self) -> None:
        """Raise ``MissingExtraError`` if the encoder's packages are not installed."""


class ConceptsState(Working):
    """State of adding typed concepts to the store's concepts, and of removing them again.

    Each set of concepts has separate students, so the branch shown is fitted again over the new
    set. The session continues with a new ``AppState`` over ``tuner``; the old state and other
    sessions stay as they were.
    """

    KEY = "concepts"
    RUNNING = frozenset({"adding"})

    tuner = param.ClassSelector(class_=Tuner, default=None, doc="Tuner over the new concepts.")
    concept = param.String("", doc="The concept that was added or removed.")
    outcome = param.List([], item_type=str, doc="Result of the last change, in sentences.")
    missing = param.String("", doc="Why no concept can be typed, and what to do; empty: it can.")

    def __init__(
        self,
        students: StudentsState,
        jobs: Jobs,
        encoder: LateTextEncoder | None,
        rights: Rights = EVERYTHING,
    ) -> None:
        super().__init__(jobs)
        self._rights = rights
        self.students = students
        self.encoder = encoder

    @property
    def typed(self) -> list[str]:
        """Names of the typed concepts."""
        return [one.name for one in typed_of(self.students.tuner.store)]

    @property
    def carried(self) -> int:
        """Number of iterations of the branch shown; adding a concept fits all of them again."""
        return sum(1 for _ in self.students.tuner.ancestors(self.students.node))

    @property
    def others(self) -> int:
        """Number of iterations of other branches, which adding a concept does not fit again."""
        return len(self.students.tree.nodes) - 1 - self.carried

    def look(self) -> None:
        """Set ``missing``: why no concept can be typed here, or empty. Loads no encoder."""
        if not self.busy:
            self.status = Status()
        if self.encoder is None:
            self.missing = "This page has no encoder: open it with inficond serve."
            return
        try:
            check_typing(self.students.tuner.store)
            self.encoder.check()
        except InficondError as error:
            self.missing = error.whole_for_page

    def add(self, text: str, images: Sequence[str] | None = None) -> None:
        """Add a concept from its text: ``name`` or ``name, synonym, synonym``.

        With ``images``, ids of example photos, the concept is made from the photos without an
        encoder.
        """
        self._rights.require("typing")
        if len(text) > LONGEST_CONCEPT:
            fault = f"The concept with its synonyms has {len(text):,} characters."
            self.status = Status.of(TuningError(fault, f"Shorten it to {LONGEST_CONCEPT:,}."))
            return
        name, node = texts_of(text)[0], self.students.node
        encoder = self.encoder if images is None else None
        if encoder is None and images is None:
            self.look()
            return

        def work(job: Job) -> tuple[Tuner, list[str]]:
            report = self.jobs.progress(job)
            if encoder:
                report(0.0, f"Encoding {name}; the encoder is loaded once, which may take a minute")
            tuner = add_concept(self.students.tuner, text, encoder, images=images or ())
            try:
                carried = carry_on(
                    self.students.tuner,
                    node,
                    tuner,
                    lambda share, step: report(_ENCODED + (1 - _ENCODED) * share, step),
                    job.cancelled,
                )
            except InficondError:
                remove_concept(tuner, name)
                raise
            return tuner, added_sentences(tuner, carried, name, stays=not self._rights.forgetting)

        self._start(name, work)

    def forget(self, name: str) -> None:
        """Remove a typed concept; show the students over the remaining concepts."""
        self._rights.require("forgetting")

        def work(job: Job) -> tuple[Tuner, list[str]]:
            tuner = remove_concept(self.students.tuner, name)
            tuner.root(progress=self.jobs.progress(job), cancelled=job.cancelled)
            return tuner, [
                f"{name} was taken away. The iterations without it are there again; those with it "
                "come back when it is typed again."
            ]

        self._start(name, work)

    def _start(self, name: str, work: Callable[[Job], tuple[Tuner, list[str]]]) -> None:
        def done(found: tuple[Tuner, list[str]]) -> None:
            tuner, sentences = found
            status = Status("adding", "Drawing the page", 1.0)
            self.param.update(status=status, concept=name, outcome=sentences)
            self.tuner = tuner

        if not self.busy:
            self.status = Status("adding", "Starting")
            self.jobs.submit(Job(self.KEY, work, done, self.fail, self._report))


def added_sentences(tuner: Tuner, node: Node, name: str, *, stays: bool) -> list[str]:
    """Return sentences on an added concept: its nearest concepts, and its influence at ``node``.

    ``stays`` is True where the session has no right to remove the concept again.
    """
    store = tuner.store
    c = store.concepts.index(name)
    (typed,) = (one for one in typed_of(store) if one.name == name)
    near = nearest_concepts(store, typed)
    sentences = [f"Added {typed_text(typed)}."]
    if near:
        listed = ", ".join(f"{other} ({cosine:.2f})" for other, cosine in near)
        sentences.append(f"Nearest concepts by text: {listed}.")
    twins = [other for other, cosine in near if cosine >= TWIN_COSINE]
    if twins:
        sentences.append(f"It nearly is {twins[0]}: a student may share the weight between them.")
    weights = node.weights[c]
    used = np.flatnonzero(weights)
    if len(used):
        k = int(np.abs(weights).argmax())
        most = f"most on {store.classes[k]} ({signed(weights[k])})"
        sentences.append(
            f"It has influence on {len(used)} of {len(store.classes)} classes, {most}."
        )
    elif typed.score.any():
        sentences.append("It has no influence on any class; a thumb up gives it some.")
    else:
        sentences.append(
            "No segment is near it, so that it can have no influence. Try another word."
        )
    if node.parent:
        before = "" if stays else "; the iterations without it come back when it is taken away"
        sentences.append(f"The branch was fitted again with it, up to #{node.number}{before}.")
    return sentences
