"""Sentences on how the images of a class differ between fit and tune, and on the remedies."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, isnan

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count, share, share_range, significant
from inficond_panel.tuning.label_noise import DoubtedLabels
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED
from inficond_panel.tuning.score_limits import ScoreLimit
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.intents import ASKED
from inficond_panel.vocabulary.shift_kinds import (
    FEW,
    LOST,
    NOISE,
    NOISIER,
    OUTDONE,
    PHOTOS,
    PICTURES,
    SHARE,
    TUNE_NOISE,
    UNSHOWN,
    UNSUMMED,
    WORSE,
    ShiftKind,
)
from inficond_panel.wording.score_limits import (
    outdone_sentence,
    unshown_sentence,
    unsummed_remedy,
    unsummed_sentence,
)
from inficond_panel.wording.suspects import few_sentence, plain_sentence, plain_shares

#: Title of the doctor's findings where none of them is a fault.
NOTHING_WRONG = "no problem was found; what these images do not tell"
LOOK_AT = "Look at the training labels that are listed: they may be right."
#: Of training labels that scores contradict, and the teacher does not.
ALONE = "The teacher does not contradict them: it may have learned them, or these scores are wrong."
#: What the list of labels that are likely wrong does not find (docs/measured.md).
MISSING_LABELS = (
    "Not all wrong labels are found: in a rare class most that are missing from images with it are "
    "not listed, in a frequent class most that were added to images without it."
)
NO_LABEL = (
    "No single label is likely wrong, but not all wrong ones are found: compare how training and "
    "tuning images were labelled."
)
#: Single labels that teacher and other images contradict, where no share of wrong ones is measured.
CONTRADICTED = "single labels to look at"
CONTRADICTED_REMEDY = (
    "Look at these labels, in the list of those to look at, and correct those that are wrong."
)
SLIGHT = "The difference is slight: that alone is no reason to remove the concept."
MODEST = "The difference is modest: remove the concept only if it has no business in the decision."
NO_EFFECT = "Removing it alone changes nothing: remove what carries it, too, or find a repair."
_OTHERWISE = f"find a repair, or answer {ASKED} images."
ALREADY = f"The concept is removed already: {_OTHERWISE}"
_LOOKS_SO = (
    "A correlation that no concept shows, harder tuning images, and wrong labels of these look the "
    "same."
)


def kind_sentence(kind: ShiftKind, found: Differences, shift: ClassShift) -> str:
    """Return sentences on the evidence for a kind of shift, and on kinds that look like it."""
    if kind == FEW:
        return _few(found, shift)
    also = f" {sentence}" if (sentence := undistinguished(found, kind)) else ""
    if TUNE_NOISE in found.perhaps and kind == found.kinds[0]:
        also += f" {_tune_doubt(found)}"
    if kind == WORSE:
        return f"{plain_sentence(shift)} {_LOOKS_SO}{also}"
    evidence = plain_sentence(shift) if kind == LOST else _EVIDENCE[kind](found)
    if kind == LOST and moved_in_all(found, shift):
        evidence = f"{evidence} {_apart(found)}"
    return f"{evidence}{also}"


def moved_in_all(found: Differences | None, shift: ClassShift) -> bool:
    """Whether the scores of the suspect to name are those by which alone the images without the
    class differ: they may have been made in another way."""
    if found is None or not found.apart or not shift.suspects:
        return False
    return shift.first.concept == found.apart


def undistinguished(found: Differences | None, kind: ShiftKind) -> str:
    """Return the sentence on what looks like a ``kind`` of shift that is named of a class; "" if
    nothing does, or as long as the differences are not ``found``."""
    if found is None:
        return ""
    first = () if kind in found.kinds else found.kinds[:1]
    others = [other.words for other in (*first, *found.perhaps) if other != kind]
    return f"It cannot be distinguished from {listed(others)}." if others else ""


def finding_sentence(found: Differences | None, shift: ClassShift) -> str:
    """Return sentences on the fault of a class, and on the remedy; without differences
    (``found`` is None or empty), the plain sentence on its shift."""
    if found is None or shift.unknown_to_teacher or not (found.kinds or found.perhaps):
        return plain_sentence(shift)
    if not found.kinds:
        return f"{unsure_sentence(found)} {unsure_remedy(found, FEW.remedy)}"
    first, *others = found.kinds
    also = f" Also: {listed([other.words for other in others])}." if others else ""
    sentence = f"{kind_sentence(first, found, shift)}{also}"
    if first == NOISE and found.labels_alone:  # a button opens the labels, and there is no room
        return sentence
    return f"{sentence} {remedy_of(first, found, shift)}"


#: Kinds of wrong labels, and the images that have them.
_LABELS = {NOISE: "Training", TUNE_NOISE: "Tuning"}


def is_mislabelled(found: Differences, shift: ClassShift) -> bool:
    """Return whether the first finding on a class is wrong labels, of training or tuning images."""
    return bool(found.kinds) and found.kinds[0] in _LABELS and not shift.unknown_to_teacher


def whose_labels(found: Differences) -> tuple[str, bool]:
    """Return ``Training`` or ``Tuning``, the images whose labels are the first finding on a class,
    and whether nothing else may explain it."""
    whose = _LABELS[found.kinds[0]]
    alone = found.kinds[0] == NOISE and found.labels_alone
    return whose, len(found.kinds) == 1 and not found.perhaps and not alone


def is_unlike(found: Differences, shift: ClassShift) -> bool:
    """Return whether the first finding on a class is other pictures of it in training."""
    return found.kinds[:1] == (PICTURES,) and not shift.unknown_to_teacher


def reliance_explained(found: Differences | None) -> bool:
    """Return ``Differences.reliance_explained``; False as long as these are not ``found``."""
    return found is not None and found.reliance_explained


def mislabelled_sentence(found: Differences, shift: ClassShift) -> str:
    """Return the words ``wrong labels of training images``, or of tuning images, with their
    evidence."""
    first = found.kinds[0]
    return f"{first.words}. {kind_sentence(first, found, shift)}"


def contradicted_sentence(name: str, labels: DoubtedLabels) -> str:
    """Return the sentence on how many training labels of a class are contradicted one by one, and
    how many would be if all were right."""
    contradicted = count(len(labels.likely_wrong), "training label")
    chance = "" if isnan(labels.by_chance) else f" (about {round(labels.by_chance)} by chance)"
    return (
        f"The teacher and the other images contradict {contradicted} of {name}{chance}, each by "
        "itself."
    )


def remedy_of(
    kind: ShiftKind, found: Differences | None = None, shift: ClassShift | None = None
) -> str:
    """Return the sentence on the remedy for a kind of shift.

    The remedy for wrong labels agrees with the labels that are listed of the class (``found``), the
    removal of a concept with the suspects of ``shift``: see ``_removal``.
    """
    if kind == LOST and shift is not None:
        return _asked_first(found, shift) + _removal(shift)
    if kind == PHOTOS:
        return before_images(found) + kind.remedy
    if kind == NOISE and found is not None and not (found.labels_listed and found.labels_wrong):
        return LOOK_AT if found.labels_listed else NO_LABEL
    if kind == UNSUMMED and found is not None and found.limit is not None:
        return unsummed_remedy(found.limit)
    return kind.remedy


def _asked_first(found: Differences | None, shift: ClassShift) -> str:
    if found is None or not moved_in_all(found, shift):
        return ""
    return f"{made_the_same_way(found)} If not, make them again. "


def _removal(shift: ClassShift) -> str:
    """Return the sentence on the removal of the suspect to name: that nothing is left to remove if
    it is removed, that its removal alone changes nothing if it has no influence, and a weaker
    advice the less it lost."""
    if shift.suspects and shift.first.removed:
        return ALREADY
    if not shift.removable:
        return NO_EFFECT
    if shift.slight:
        return SLIGHT
    return MODEST if shift.modest else LOST.remedy


def unsure_remedy(found: Differences, few: str) -> str:
    """Return the remedy where no kind of shift is certain: to look at the labels that are listed,
    if any, and ``few``, the remedy for too few photos."""
    return f"{LOOK_AT} {few}" if found.labels_in_doubt and found.labels_listed else few


def unsure_sentence(found: Differences) -> str:
    """Return sentences on the kinds of shift that are possible, where none is certain, after the
    evidence for them; a single kind may also be chance."""
    possible = [kind.words for kind in found.perhaps]
    evidence = " ".join(dict.fromkeys(_POSSIBLE[k](found) for k in found.perhaps if k in _POSSIBLE))
    if len(possible) == 1:
        return f"{evidence} This may be {possible[0]}, or chance."
    return f"{evidence} This may be {' or '.join(possible)}: the images do not show which."


def _few(found: Differences, shift: ClassShift) -> str:
    if shift.verdict:
        return few_sentence(shift)
    if min(found.positives) >= LEAST_LABELLED:
        return f"There are too few images without {found.class_name}: {shift.lacking}."
    fit, tune = found.positives
    needed = [
        f"about {ceil(size * LEAST_LABELLED / shown):,} {which} images, now {size:,}"
        for which, shown, size in zip(_WHICH, found.positives, found.photos, strict=True)
        if 0 < shown < LEAST_LABELLED
    ]
    more = f" At this share that takes {', and '.join(needed)}." if needed else ""
    return (
        f"{fit} training and {tune} tuning images show {found.class_name}: at least "
        f"{LEAST_LABELLED} of each are needed, and as many without it.{more}"
    )


def _noise(found: Differences) -> str:
    assert found.labels is not None
    told = _wrong_labels(found.class_name, found.labels, "tuning", "training")
    return f"{told} {ALONE}" if found.labels_alone else told


def _tune_noise(found: Differences) -> str:
    assert found.tune_labels is not None
    told = _wrong_labels(found.class_name, found.tune_labels, "training", "tuning")
    return f"{told} {_listed_of_tune(found)}".strip()


def _wrong_labels(name: str, labels: DoubtedLabels, by: str, of: str) -> str:
    added, missed = (share_range(low, high) for low, high in labels.limits)
    return (
        f"By the labels of the {by} images, {added} of the {of} images without {name} are labelled "
        f"as showing it, and {missed} of those with it are not ({confidence_word(labels.level)} "
        "limits)."
    )


def _tune_doubt(found: Differences) -> str:
    """Return sentences on tuning labels that may be wrong, and on how many are listed."""
    told = (
        f"The teacher contradicts tuning labels of {found.class_name}, the other images do not, or "
        "not clearly; a teacher that learned wrong training labels looks the same."
    )
    return f"{told} {_listed_of_tune(found)}".strip()


def _listed_of_tune(found: Differences) -> str:
    labels = found.tune_labels
    if labels is None or not len(labels.likely_wrong):
        return ""
    doubted = labels.label[labels.likely_wrong]
    absent, present = (int((doubted == label).sum()) for label in (0, 1))
    clauses = [f"{absent} may be missing"] * bool(absent)
    clauses += [f"{present} may be wrongly there"] * bool(present)
    return f"Of these labels {' and '.join(clauses)}."


def _doubt(found: Differences) -> str:
    """Return a sentence on labels that may be wrong: on the shares of the class if these differ."""
    if SHARE in found.perhaps:
        return _shares(found)
    return (
        f"Training labels of {found.class_name} contradict what the tuning labels teach, but not "
        "clearly."
    )


def _pictures(found: Differences) -> str:
    first, others = found.pictures[0], [each.words for each in found.pictures[1:3]]
    also = f" Also: {listed(others)}." if others else ""
    shares = plain_shares(found.class_name, first.presence).removeprefix("in ")
    return f"{first.words.capitalize()} are {shares}.{also}"


def _noisier(found: Differences) -> str:
    one = found.noisier
    assert one is not None
    now, then = (significant(value, 3) for value in (one.tune, one.fit))
    return (
        f"Its student uses {one.concept}, whose scores vary more in the tuning images, whatever "
        f"their label: standard deviation {now}, in training {then}."
    )


def _of_limit(sentence: Callable[[str, ScoreLimit], str]) -> Callable[[Differences], str]:
    """Return the function of the differences for a sentence on a class and its limit."""

    def told(found: Differences) -> str:
        assert found.limit is not None
        return sentence(found.class_name, found.limit)

    return told


def _apart(found: Differences) -> str:
    alone = f" by the scores of {found.apart} alone" if found.apart else ""
    return f"Images without {found.class_name} differ between training and tuning{alone}."


def before_images(found: Differences | None) -> str:
    """Return what to look at before images are added: the scores by which alone they differ."""
    if found is None or not found.apart:
        return ""
    return f"{made_the_same_way(found)} If not, make them again; if so: "


def made_the_same_way(found: Differences) -> str:
    """Return the question on the scores by which alone images without the class differ."""
    return f"Were the scores of {found.apart} made in the same way in both?"


def _photos(found: Differences) -> str:
    if found.apart:
        return (
            f"Images without {found.class_name} differ between training and tuning by the scores "
            f"of {found.apart} alone, and those with it the same way."
        )
    return (
        f"Also images without {found.class_name} differ between training and tuning, the same way "
        "as those with it."
    )


def _shares(found: Differences) -> str:
    fit, tune = (
        shown / size if size else 0.0
        for shown, size in zip(found.positives, found.photos, strict=True)
    )
    name = found.class_name
    return f"{share(fit)} of the training images show {name}, {share(tune)} of the tuning images."


_WHICH = ("training", "tuning")
_EVIDENCE = {
    OUTDONE: _of_limit(outdone_sentence),
    NOISE: _noise,
    TUNE_NOISE: _tune_noise,
    UNSHOWN: _of_limit(unshown_sentence),
    UNSUMMED: _of_limit(unsummed_sentence),
    PICTURES: _pictures,
    NOISIER: _noisier,
    PHOTOS: _photos,
    SHARE: _shares,
}
_POSSIBLE = {NOISE: _doubt, TUNE_NOISE: _tune_doubt, PHOTOS: _apart, SHARE: _shares}
