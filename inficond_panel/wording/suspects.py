"""Sentences on the shift of a class, its suspects, and its AP compared with baselines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import MappingProxyType

from inficond_panel.common.interval import Interval
from inficond_panel.common.near_words import listed, with_and
from inficond_panel.common.numbers import count, number, share, signed
from inficond_panel.distill.suspects import LARGE_LOSS, NONE, SHIFT, Presence, Verdict
from inficond_panel.tuning.shift import ClassShift, Suspect, TeacherMemory
from inficond_panel.vocabulary.things import ROWS, images_of
from inficond_panel.wording.metrics import teacher_sentence

#: Number of classes that are named; the rest is left out.
NAMED = 6
#: Reasons why a student relies on a concept that has no influence, or hardly any.
CARRIED = "Its own influence is 0: correlated concepts carry it"
REMOVED = "The concept is removed, but correlated concepts carry it"
UNUSED = "Its own influence is 0, and the student's logit hardly goes with it."
_MOSTLY_CARRIED = "Its own influence is nearly 0: correlated concepts carry it"
#: Sentence on a suspect that the score of its concept shows, not labels.
BY_SCORE = "Counted by the concept's score, not by labels: its name is the nearest word."
#: Sentence on the command that tries repairs, whatever the verdict.
TRIES = (
    "Find a repair (inficond suggest) shows what would raise AP: another penalty, or learning from "
    "the tuning images."
)
#: Sentence on tuning images without labels.
DECIDED = (
    "The teacher's decisions replace labels: AP is agreement with the teacher, so its errors are "
    "not seen."
)
#: Names of the models whose AP on tune is shown, by the keys of ``tune_aps``.
OF = {
    "student": "the student",
    "original": "the original student",
    "own_word": "the concept named like the class alone",
    "tune_model": "a model fitted to the tuning images",
}
_FEW = "There are too few images to say whether {} relies on something it should not."
_INSTEAD = (
    "The student imitates the teacher, so a model of the training labels is compared in the "
    "student's place, on images that this model was not fitted to."
)
#: What a teacher decides, by what sentences call the images.
_DECIDED_OF = {
    "photos": "an image shows",
    "captions": "a caption belongs to",
    ROWS: "a row belongs to",
}
#: Number of suspects of a class that are listed in full; the others are only named.
SHOWN_SUSPECTS = 3


def shift_sentence(found: ClassShift, *, limits: bool = True) -> str:
    """Return sentences on whether a class shifted, with the numbers; with ``limits`` also their
    intervals.

    If the teacher does not know the class, they state this, and the verdict only for a shift."""
    teacher = teacher_sentence(found.class_name, found.teacher)
    if teacher and found.kind != SHIFT:
        return teacher
    by = DECIDED if found.decided else ""
    return " ".join(filter(None, [teacher, by, _verdict_sentence(found, limits)]))


def _verdict_sentence(found: ClassShift, limits: bool) -> str:
    if found.decisive is None:
        return f"Too few images to say: {found.lacking}."
    measured = _kind_sentence(found, found.decisive, limits)
    if found.memory is None:
        return measured
    return f"{memory_sentence(found.memory)} {_INSTEAD} {measured}"


def _kind_sentence(found: ClassShift, verdict: Verdict, limits: bool) -> str:
    """Return sentences on the kind of shift, with the numbers of the decisive ``verdict``."""
    measured = _differences(verdict, limits)
    if verdict.kind == SHIFT:
        return f"Shift: {measured}"
    if found.kind == SHIFT and found.lost_bond:
        known = found.suspects and found.first.concept in found.clear
        what = f"{found.first.concept}, which" if known else "a concept that"
        return (
            f"Shift: the student relies on {what} is clearly less correlated with "
            f"{found.class_name} in the tuning images. No loss by that can be measured: {measured}"
        )
    if found.kind == NONE:
        gone = "is left" if found.lost_bond else "was found"  # left, after those were removed
        return f"No shift: {measured} No suspect concept {gone}. {TRIES}"
    large = f"{100 * LARGE_LOSS:g} AP points"
    few = f"Too few images to say: {measured} A loss of more than {large} is not excluded."
    few += _hinted(found)
    return " ".join(filter(None, [few, _enough(found), TRIES]))


def _differences(verdict: Verdict, limits: bool) -> str:
    """Return the sentence on how AP and separation change from ``fit`` to ``tune``."""
    lost, separation = verdict.ap_lost, verdict.separation_lost
    ap = _difference("AP", 100 * verdict.ap, lost, "points", 1, 100, limits)
    logits = _difference(_SEPARATION, verdict.separation, separation, "logits", 2, 1, limits)
    hint = f" {_WHY_BETTER}" if _is_better(verdict) else ""
    return f"from training to tuning images, {ap}; {logits}.{hint}"


def _is_better(verdict: Verdict) -> bool:
    """Return whether AP or separation is clearly better on tune than on fit."""
    return max(-verdict.ap_lost.high, -verdict.separation_lost.high) > 0


_WHY_BETTER = "Wrong labels, harder training images, or chance can be why."
_SEPARATION = "separation (mean logit with the class less that without it)"


def _difference(
    name: str, whole: float, lost: Interval, unit: str, digits: int, scale: float, limits: bool
) -> str:
    """Return a clause on one measure: it falls, is better in the tuning images, or neither.

    ``whole`` is its value on fit, ``lost`` its fall; digits, scale and unit format the numbers."""
    gained = -lost
    if lost.low > 0:
        fall = lost.text(digits, scale=scale, unit=unit, limits=limits)
        return f"{name} falls by {fall} of {number(whole, digits)}"
    if gained.low > 0:
        gain = gained.text(digits, scale=scale, unit=unit, limits=limits)
        return f"{name} is better in the tuning images by {gain}"
    change = gained.text(digits, scale=scale, unit=unit, sign=True, limits=limits)
    return f"{name} shows no clear change ({change})"


def _enough(found: ClassShift) -> str:
    """Return the sentence on how many images would decide the verdict; "" if that is unknown."""
    times = found.decisive.times_to_decide if found.decisive else math.inf
    if not math.isfinite(times) or not all(found.tune_photos):
        return ""
    times = max(times, 1.1)  # so that the rounded number is larger than that of now
    positive, negative = (_rounded(math.ceil(times * photos)) for photos in found.tune_photos)
    trained = _rounded(math.ceil(times * found.fit_photos[0]))
    return (
        f"About {_rounded(times)} times as many training and tuning images would decide: about "
        f"{positive} positive and {negative} negative tuning images, now "
        f"{found.tune_photos[0]:,} and {found.tune_photos[1]:,}, and {trained} positive training "
        f"images, now {found.fit_photos[0]:,}."
    )


def _rounded(value: float) -> str:
    """Return a number as text with two significant digits: ``2.6``, ``310``, ``1,200``."""
    return f"{float(f'{value:.2g}'):,.10g}"


def tune_ap_sentence(aps: Mapping[str, Interval], *, limits: bool = True) -> str:
    """Return sentences on the AP of student and baselines on ``tune``, and on the highest of them.

    ``aps`` has the keys of ``OF``, as from ``tune_aps``. "" if no AP is defined."""
    known = {key: value for key, value in aps.items() if not math.isnan(value.estimate)}
    if not known:
        return ""
    words = OF | ({"student": "the student of this iteration"} if "original" in aps else {})
    each = ", ".join(f"{words[key]} {value.text(limits=limits)}" for key, value in known.items())
    most = number(max(value.estimate for value in known.values()))
    highest = [words[key] for key, value in known.items() if number(value.estimate) == most]
    return f"AP on tuning images: {each}. Highest: {' and '.join(highest)}."


def plain_sentence(found: ClassShift) -> str:
    """Return a sentence for beginners on whether a class relies on a wrong concept; the first
    suspect is explained by shares of images."""
    name = found.class_name
    if found.unknown_to_teacher:
        return teacher_sentence(name, found.teacher)
    if found.kind == SHIFT and found.suspects:
        told = relied_sentence(name, found.first, found.things)
        return f"{told} {_carried(found.first)}".rstrip()
    if found.kind == SHIFT:
        other = "other " if found.belonging else ""
        worse = f"{name} does worse on {found.things} that it has not learned from."
        return f"{worse} No {other}concept stands out."
    if found.kind == NONE and found.memory is not None:
        other = f"The labels of {name} show no other reason why its student does worse."
        return f"{memory_sentence(found.memory)} {other}"
    if found.kind == NONE:
        better = found.decisive is not None and _is_better(found.decisive)
        how, why = ("better", f" {_WHY_BETTER}") if better else ("about as well", "")
        return f"{name} does {how} on {found.things} that it has not learned from.{why}"
    return _few(found)


def _few(found: ClassShift) -> str:
    remembered = "" if found.memory is None else f"{memory_sentence(found.memory)} "
    return f"{remembered}{_FEW.format(found.class_name)}{_hinted(found)}"


def _hinted(found: ClassShift) -> str:
    if not found.hint:
        return ""
    images = images_of(found.things)
    return (
        f" {found.hint} could be it: it goes less with {found.class_name} in the tuning {images}."
    )


def memory_sentence(memory: TeacherMemory) -> str:
    """Return the sentence on a teacher that perhaps knows the labels of fit, and what shows it."""
    fit, tune = (number(ap, 2) for ap in memory.ap)
    if memory.trained:
        return (
            "The teacher was probably trained on these training images: its AP is "
            f"{fit} there, {tune} on tuning images."
        )
    if memory.teacher.kind == SHIFT:
        return f"The teacher does worse on tuning images too: AP {fit}, then {tune}."
    return (
        "On training images the student is better than its teacher, perhaps because the teacher "
        f"was fitted to their labels: AP {number(memory.student_ap, 2)} and {fit}."
    )


def trained_sentence(memories: Mapping[str, TeacherMemory], *, alone: bool = False) -> str:
    """Return the sentence on a teacher that was probably trained on ``fit``, with its AP on the
    training and the tuning images of these classes; of several classes one that is ``alone`` may
    have other labels or images on tune."""
    aps = {name: [number(ap, 2) for ap in memory.ap] for name, memory in memories.items()}
    each = listed([f"{fit} and {tune} for {name}" for name, (fit, tune) in aps.items()], 5)
    if alone:
        return (
            f"The teacher may have been trained on these training images: its AP there and on "
            f"tuning images is {each}. No other class shows it, so other tuning images, or wrong "
            "labels of them, may be why."
        )
    return (
        "The teacher was probably trained on these training images. Its AP there and on tuning "
        f"images: {each}."
    )


def relying_words(suspect: Suspect) -> str:
    """Return ``relies on``, or ``relies on the absence of`` if the logit falls with the concept;
    with ``still`` before them if that is removed, or ``may rely on`` if that is uncertain."""
    still = "still " if suspect.removed else ""
    relies = "may rely on" if suspect.uncertain else f"{still}relies on"
    return relies if suspect.reliance > 0 else f"{relies} the absence of"


def relied_sentence(name: str, suspect: Suspect, things: str = "photos") -> str:
    """Return the sentence ``dog relies on ball: it is in 82 % of the dog photos it learned from,
    but in 40 % of the other dog photos.`` ``things`` replaces the word photos.

    If the shares do not tell the loss, it is told by the means of the scores."""
    by = _shares_clause if suspect.told_by_shares else means_clause
    return f"{name} {relying_words(suspect)} {suspect.concept}: {by(name, suspect, things)}."


def _shares_clause(name: str, suspect: Suspect, things: str) -> str:
    learned, others = suspect.presence.fit[0], suspect.presence.tune[0]
    falls = learned > others if suspect.reliance > 0 else learned < others
    return (
        f"it {_is(suspect)}in {share(learned)} of the {name} {things} it learned from, "
        f"{'but' if falls else 'and'} in {share(others)} of the other {name} {things}"
    )


def means_clause(name: str, suspect: Suspect, things: str = "photos") -> str:
    """Return a clause on how much the mean score of a concept differs with and without class
    ``name``: ``with dog its mean score is 0.51 standard deviations higher than without in training
    images, but 0.10 lower in tuning images``."""
    mean, images = "mean" if things == ROWS else "mean score", images_of(things)
    fit, tune = (
        f"{number(abs(by), 2)}{unit} {'higher' if by > 0 else 'lower'}"
        for by, unit in ((suspect.fit, " standard deviations"), (suspect.tune, ""))
    )
    return (
        f"with {name} its {mean} is {fit} than without in training {images}, "
        f"but {tune} in tuning {images}"
    )


def _carried(suspect: Suspect) -> str:
    """Return why a student relies on a concept whose influence is 0.00, and by which others; "" of
    another."""
    if number(abs(suspect.weight), 2) != number(0.0, 2):
        return ""
    if suspect.unused:
        return UNUSED
    why = REMOVED if suspect.removed else _MOSTLY_CARRIED if suspect.weight else CARRIED
    first = f", most of all {with_and(suspect.carried_by)}" if suspect.carried_by else ""
    return f"{why}{first}."


def _is(suspect: Suspect) -> str:
    """Return ``is ``, or of a number in a table ``is high (above 1.90) ``."""
    if not suspect.high or suspect.labelled:
        return "is "
    return f"is high (above {number(suspect.presence.threshold, 2)}) "


def repaired_sentence(name: str) -> str:
    """Return the sentence on a class whose edits brought a clear gain."""
    return f"{name} is repaired as far as can be seen."


#: What a repair leaves open where an image has one class.
OTHERS_DECIDE = (
    "Each image has one class, so its decisions depend on the other students, too: look at theirs."
)


def same_question(name: str, concept: str) -> str:
    """Return the question whether a concept means the class ``name``."""
    return f"Is {concept} the same as {name}?"


#: Sentence on a removal of a suspect whose change in AP is within noise.
LITTLE = "Whether removing concepts helps is not sure: see also Find a repair."


def few_sentence(found: ClassShift) -> str:
    """Return sentences on a class with too few images for a verdict, and how many would decide."""
    return f"{_few(found)} {_enough(found)}".rstrip()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def suspect_reason(found: ClassShift, suspect: Suspect) -> str:
    """Return a sentence on why a concept is a suspect: shares of training and tuning images."""
    shares = plain_shares(found.class_name, suspect.presence, found.things)
    shares = f"{_high(suspect)}{shares}"
    shares = f"{shares[0].upper()}{shares[1:]}"
    if suspect.labelled:
        of_class = "decisions of the teacher on" if suspect.by_teacher else "labels of"
        by = "the metadata" if suspect.by_column else f"the {of_class}"
        shares += f", by {by} {suspect.labelled!r}"
    return f"{shares}."


def _high(suspect: Suspect) -> str:
    return _is(suspect).removeprefix("is ")


def more_words(suspects: Sequence[Suspect]) -> str:
    """Return the words for suspects that are not listed: ``and 7 more: kennel, leash, wall, …``."""
    names = [suspect.concept for suspect in suspects[:SHOWN_SUSPECTS]]
    rest = ", …" if len(suspects) > SHOWN_SUSPECTS else ""
    return f"and {len(suspects)} more: {', '.join(names)}{rest}"


def relying_sentence(
    found: Mapping[str, ClassShift],
    classes: int,
    *,
    wrong: int,
    shown: int,
    shared: Sequence[str] = (),
    mislabelled: Mapping[str, tuple[str, bool]] = MappingProxyType({}),
    worse: Sequence[str] = (),
    unchecked: str = "",
    unshared: int = 0,
    looked: bool = True,
    things: str = "photos",
) -> str:
    """Return sentences on teacher and students, and on how many (``wrong``) rely on a wrong thing.

    ``found`` holds the checked classes by name, out of ``classes``; ``shown`` students are listed
    below the text. ``shared`` students may rely on what all images share. Labels of those
    ``mislabelled``, ``Training`` or ``Tuning`` ones, are likely wrong (True), or may be: something
    else may explain them. ``worse`` are sentences on groups where the teacher is worse, of which
    the first is told. ``unchecked`` is said in place of an all-clear until that is checked;
    ``unshared`` is the number of classes of which only the splits are compared, not what all images
    share. If not ``looked``, a class is checked only when it is selected. ``things`` is what
    sentences call the images."""
    students = (
        f"{count(classes)} students imitate it, each" if classes > 1 else "A student imitates it,"
    )
    sentences = [
        f"A teacher decides which classes {_DECIDED_OF[things]}. {students} a weighted list of "
        "named concepts."
    ]
    if not looked:
        return f"{sentences[0]} Select a class to see what its student relies on."
    if len(found) < classes:
        return f"{sentences[0]} {count(len(found))} of {count(classes)} are checked so far."
    unknown = [name for name, each in found.items() if each.unknown_to_teacher]
    sentences += [f"The teacher does not know {_listed(unknown)}."] if unknown else []
    sentences += worse[:1]
    sentences += _mislabelled_sentences(mislabelled)
    them = "the students" if mislabelled or worse else "them"  # them: not the labels, the images
    if wrong:
        rest = ":" if wrong == shown else f"; the {count(shown)} that lose most are these:"
        who = f"{count(wrong)} of {them}" if classes > 1 else "It"
        so_far = "So far " if unshared and classes > 1 else ""
        sentences.append(f"{so_far}{who} may rely on the wrong thing{rest}")
        return " ".join(sentences)
    if shared:
        who = f"{count(len(shared))} of {them}" if classes > 1 else "It"
        which = f": {_listed(shared)}" if classes > 1 else ""
        told = f"{who} may rely on something that all {images_of(things)} share{which}."
        return " ".join([*sentences, told])
    unsure = unsure_classes(found)
    none = f"None of {them}" if classes > 1 else "It"
    if not unchecked and len(unsure) < classes:
        rest = f"; what all {images_of(things)} share is not checked for {unshared:,} of them"
        told = f"{none} is {'not ' * (classes == 1)}seen to rely on the wrong thing"
        sentences.append(f"{told}{rest if unshared else ''}.")
    few = _listed(unsure)
    few = f"{count(len(unsure))} of them ({few})" if len(unsure) > NAMED else few
    what = "what it relies on" if len(unsure) == 1 else "what they rely on"
    sentences += (
        [f"For {few} there are too few {images_of(things)} to say {what}."] if unsure else []
    )
    sentences += [unchecked] if unchecked else ["Begin with these:"] if shown else []
    return " ".join(sentences)


def _mislabelled_sentences(mislabelled: Mapping[str, tuple[str, bool]]) -> Iterator[str]:
    for whose, sure in product(("Training", "Tuning"), (True, False)):
        if names := [name for name, each in mislabelled.items() if each == (whose, sure)]:
            yield f"{whose} labels of {_listed(names)} {'are likely' if sure else 'may be'} wrong."


def looking_words(classes: int) -> str:
    """Return the words on students that are being checked for what they rely on."""
    return f"Looking at what {'they rely' if classes > 1 else 'it relies'} on …"


def unsure_classes(found: Mapping[str, ClassShift]) -> list[str]:
    """Return the classes that the teacher knows, with too few images for a verdict."""
    return [name for name, each in found.items() if each.unsure]


def relies_wrongly(found: ClassShift) -> bool:
    """Return whether the class shifted and has a suspect, and the teacher knows the class."""
    return not found.unknown_to_teacher and found.kind == SHIFT and bool(found.suspects)


def is_repaired(found: ClassShift, gained: Interval | None) -> bool:
    """Return whether edits clearly raised the AP of a class (``gained`` since #0; None: no edits),
    and its verdict is that nothing is left: not that there are too few images to say."""
    if gained is None or found.unknown_to_teacher:
        return False
    return gained.low > 0 and found.kind == NONE


def plain_reason(found: ClassShift, suspect: Suspect) -> str:
    """Return sentences for beginners on why a concept is a suspect: shares of images with it, and
    what counted them if labels did not."""
    shares = plain_shares(found.class_name, suspect.presence, found.things)
    shares = f"{_high(suspect)}{shares}"
    shares = f"{shares[0].upper()}{shares[1:]}."
    told = shares, by_score(suspect, found.things), _carried(suspect)
    return " ".join(filter(None, told))


def by_score(suspect: Suspect, things: str = "photos") -> str:
    """Return the sentence on a suspect that no labels show; "" of others, and of the numbers of a
    table, which have their own names."""
    return "" if suspect.labelled or things == ROWS else BY_SCORE


def plain_shares(name: str, there: Presence, things: str = "photos") -> str:
    """Return a clause on how many images with class ``name`` show a concept: ``in 82 % of the
    training images with dog, 40 % of the tuning ones``.

    Images without the class are added if their shares differ more between the splits."""
    with_class = (
        f"in {share(there.fit[0])} of the training {images_of(things)} with {name}, "
        f"{share(there.tune[0])} of the tuning ones"
    )
    if abs(there.fit[1] - there.tune[1]) <= abs(there.fit[0] - there.tune[0]):
        return with_class
    return f"{with_class}; without {name}, in {share(there.fit[1])} and {share(there.tune[1])}"


def suspect_numbers(found: ClassShift, suspect: Suspect) -> str:
    """Return sentences on a suspect: its shares of the images without the class, its change from
    training to tuning images, and how the student relies on it."""
    there, name = suspect.presence, found.class_name
    return (
        f"Without {name}: in {share(there.fit[1])} of the training images, "
        f"{share(there.tune[1])} of the tuning ones, {_counted(suspect)}. {_change(suspect)} "
        f"{reliance_sentence(suspect)}"
    )


def reliance_sentence(suspect: Suspect) -> str:
    """Return sentences on how the student's logit follows a suspect, and on its weight."""
    turn = "rises" if suspect.reliance > 0 else "falls"
    carried = _carried(suspect)
    if not carried:
        weight, lost = signed(suspect.weight), signed(suspect.lost)
        carried = f"Its influence of {weight} explains {lost} logits of the lost separation."
    r = signed(suspect.reliance)
    follows = (
        f"At equal label the student's logit {turn} with it (correlation {r}; the teacher's "
        f"{signed(suspect.teacher_reliance)})."
    )
    return f"{follows} {carried}"


def _counted(suspect: Suspect) -> str:
    if suspect.labelled:
        return f"by {'the decisions of the teacher' if suspect.by_teacher else 'labels'}"
    above = number(suspect.presence.threshold, 2)
    return f"counted above a score of {above}, which divides the training images best"


def _change(suspect: Suspect) -> str:
    """Return sentences on how the suspect's correlation changes between splits; z is by labels of
    the concept if it has any, else by its scores."""
    fit, tune, z = signed(suspect.fit, 1), signed(suspect.tune, 1), number(suspect.z, 1)
    scores = f"Mean scores with and without differ by {fit} standard deviations in training images"
    if not suspect.labelled:
        return f"{scores} and by {tune} in tuning images, a change of {z} standard errors (z)."
    whose = "decisions" if suspect.by_teacher else "labels"
    return (
        f"By {whose}, the correlation changes by {z} standard errors (z). {scores} and by {tune} "
        "in tuning images."
    )
