"""Remedies that the doctor names: for stores of photos, of captions, and of tables.

A store of captions has no encoder: its user can change the table of captions and the corpus, and
make the store again. A store of given scores has no spec either. Its user can change the tables,
and call methods or commands that need the store alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from inficond_panel.errors import Remedy
from inficond_panel.store import Store
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.vocabulary.shift_kinds import (
    FEW,
    LOST,
    NOISE,
    NOISIER,
    PHOTOS,
    PICTURES,
    SHARE,
    UNSHOWN,
    UNSUMMED,
    WORSE,
    ShiftKind,
)
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.score_limits import needs_score
from inficond_panel.wording.shift_kinds import before_images, remedy_of, unsure_remedy

_SUGGEST = Remedy("`inficond suggest`", "`students.suggest()`")
_OR_SUGGEST = "Or take what " + _SUGGEST + " finds."
_EXTEND = Remedy("`inficond extend`", "`students.extend(folder)`")
_BELONGS = Remedy("`inficond history belongs`", "`students.belongs(class_name, thing)`")
_SAY_SO = "If it belongs to the class, say so: " + _BELONGS + ". Else follow the thumb, or add "
_KINDS: Mapping[ShiftKind, str] = {
    NOISE: "That changes the figures; students change only if a repair taught them labels. "
    + _OR_SUGGEST,
    LOST: "Or take what "
    + _SUGGEST
    + " finds; if it belongs to the class, say so: "
    + _BELONGS
    + ".",
    NOISIER: "If not, make these scores again, or leave out the concept.",
    WORSE: _OR_SUGGEST,
    SHARE: Remedy("`inficond thresholds`", "`students.thresholds()`"),
}
_ADD = Remedy("`inficond concept add`", "`students.add_concept(name, images=...)`")
_LITTLE = (
    "If the teacher has not learned the tuning {}, nor proposed their labels, thumbs and labels "
    "help little: "
)
_OUTPUTS = (
    "If the teacher's logits hardly differ, or all lie far from 0, look at the teacher. If the "
    "concept scores hardly differ, look at the concepts. Else lower "
)
_NAMES = "Do not read the names as reasons: other words rank the images as well. "
_COPIES = (
    "Nothing, if they are copies, frames or bursts. Name a column that says more, such as the film "
    "or the patient, "
)


@dataclass(frozen=True, eq=False)
class Remedies:
    """Remedies by finding. For kinds of shift, ``first`` replaces the first sentence, which is
    that of the vocabulary; ``then`` adds what to call. Captions and tables have no
    random words, so no ``of_names``."""

    of_memory: str
    of_no_influence: str
    of_shared: str
    of_near_equal: str
    of_constant: str
    of_nearly_equal: str
    of_suspects: str
    of_names: str = ""
    then: Mapping[ShiftKind, str] = field(default_factory=dict)
    first: Mapping[ShiftKind, str] = field(default_factory=dict)

    @property
    def of_few(self) -> str:
        """Remedy for classes with too few labels to tell anything."""
        return self.first.get(FEW, FEW.remedy)

    def of_unsure(self, found: Differences) -> str:
        """Return the remedy for a class of which several kinds of shift are possible."""
        return unsure_remedy(found, self.of_few)

    def of_kind(
        self, kind: ShiftKind, found: Differences | None = None, shift: ClassShift | None = None
    ) -> str:
        """Return the remedy for a kind of shift of a class: ``found`` are its differences, whose
        labels may be listed, ``shift`` has its suspects."""
        start = remedy_of(kind, found, shift)
        if kind in self.first:
            start = (before_images(found) if kind == PHOTOS else "") + self.first[kind]
        scores = kind != UNSUMMED or needs_score(found)
        end = self.then.get(kind, "") if scores else ""
        return start + (" " + end if end else "")


#: Where the warnings of a store are, one of which is the finding.
STORE_FACTS = Remedy("inficond info", "students.tuner.store.attrs")
_FILTERS = "Leave them out of the corpus: `concepts.filters`."
OF_PHOTOS = Remedies(
    of_memory="Its students imitate what it remembers. Add images that it has not seen: "
    + _EXTEND
    + ". "
    + _OR_SUGGEST,
    of_no_influence=_OUTPUTS + "`students.lambda`.",
    of_shared=_SAY_SO + "photos of one without the other: " + _EXTEND + ".",
    of_near_equal=_COPIES + "by `dataset.near_duplicates`.",
    of_constant=_FILTERS,
    of_nearly_equal=_FILTERS,
    of_names=_NAMES
    + "Take concepts that the class shows: "
    + Remedy("`inficond init --concepts`", "`concepts` of `inficond_panel.build`")
    + ". Or an encoder that knows the words.",
    of_suspects="A suspect is named by the nearest word of the corpus. If no word fits, make a "
    "concept from example photos: " + _ADD + ".",
    then={
        **_KINDS,
        UNSHOWN: _ADD + "; `inficond docs encoders`.",
        UNSUMMED: "Or add concepts that name it: " + _ADD + ".",
        PHOTOS: _EXTEND + "; or take what " + _SUGGEST + " finds.",
    },
)
_AGAIN = (
    ", and run " + Remedy("`inficond precompute`", "`inficond precompute SPEC` in a shell") + "."
)
OF_CAPTIONS = replace(
    OF_PHOTOS,
    of_memory="Its students imitate what it remembers. Add captions that it has not seen to the "
    "table" + _AGAIN + " " + _OR_SUGGEST,
    of_shared=_SAY_SO + "captions of one without the other to the table" + _AGAIN,
    of_constant="Delete them from the corpus, `concepts.corpus`" + _AGAIN,
    of_nearly_equal="Delete one of each pair from the corpus, `concepts.corpus`" + _AGAIN,
    of_names="",
    of_suspects="A suspect is named by a word of the corpus. If no word fits, add one to "
    "`concepts.corpus`" + _AGAIN,
    then={
        **_KINDS,
        PHOTOS: _OR_SUGGEST,
        UNSUMMED: "Or add words that name it to `concepts.corpus`" + _AGAIN,
    },
    first={
        UNSHOWN: _LITTLE.format("captions")
        + "add words that tell it apart to `concepts.corpus`"
        + _AGAIN,
        PHOTOS: "Add captions like the tuning captions to the table" + _AGAIN,
    },
)
OF_TABLES = Remedies(
    of_memory="Its students imitate what it remembers. Give its outputs on the training rows by "
    "models that have not seen them (`cross_val_predict` of scikit-learn), or add rows that it has "
    "not seen. " + _OR_SUGGEST,
    of_no_influence=_OUTPUTS
    + Remedy("`students.lambda` in a spec.", "λ: `students.with_settings(lambda_=...)`."),
    of_shared=_SAY_SO + "images with one and without the other.",
    of_near_equal=_COPIES
    + "by "
    + Remedy("`inficond init --near-duplicates`", "`near_duplicates` of `from_frames`")
    + ". If they are no copies, say so: "
    + Remedy("`--near-duplicates false`", "`near_duplicates=False`")
    + ".",
    of_constant="Drop these columns of scores.",
    of_nearly_equal="Drop one column of each pair.",
    of_suspects="A suspect is named by the nearest column of scores. If none fits, add a column.",
    then={
        **_KINDS,
        PHOTOS: _OR_SUGGEST,
        UNSUMMED: "Add such scores as columns to the table, and make the store again.",
    },
    first={
        FEW: "Add labelled images, with the class and without it.",
        UNSHOWN: _LITTLE.format("images") + "add columns that tell it apart.",
        PICTURES: "Make the training images alike in this, or add images of the class like the "
        "tuning images.",
        PHOTOS: "Add images like the tuning images.",
    },
)


def remedies_for(store: Store) -> Remedies:
    """Return the remedies that the user of ``store`` can follow."""
    of_captions = OF_CAPTIONS if store.of_words else OF_PHOTOS
    remedies = OF_TABLES if store.given else of_captions
    if store.task == SINGLE_LABEL:  # no threshold decides
        return replace(remedies, then={**remedies.then, SHARE: ""})
    return remedies
