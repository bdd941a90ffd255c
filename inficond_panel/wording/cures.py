"""Edits and what they do in words: thumbs, cures, penalties, answers, levers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count
from inficond_panel.tuning.answer_files import Draft
from inficond_panel.tuning.answers import ASKED, LEAST_ANSWERED, Teaching
from inficond_panel.tuning.edits import Balance, Cure, Doubt, Label, Lambda, Learn
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.suggest.gain import Gain
from inficond_panel.tuning.suggest.levers import AS_IT_IS, FEW_POSITIVES, Lever
from inficond_panel.tuning.suggest.suggestion import MEASURED, Suggestion
from inficond_panel.tuning.thumbs import Intent, size_words
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.intents import (
    ANSWERS,
    AUTO,
    BALANCE,
    DIRECTIONS,
    DOUBT,
    LABEL,
    LABELS,
    LAMBDA,
    LEARN,
    MORE,
    TEACHER,
)
from inficond_panel.wording.metrics import teacher_sentences


def penalty_text(penalties: Sequence[float], *, chosen: bool = False) -> str:
    """Return ``0.001``, or ``0.0001 to 0.001 by class``; with ``auto`` where the data chose."""
    least, most = min(penalties), max(penalties)
    text = f"{least:g}" if least == most else f"{least:g} to {most:g} by class"
    return f"auto: {text}" if chosen else text


def offer_words(word: str) -> str:
    """What a person is offered: ``word`` is the concept named like the class, if there is one."""
    if word:
        return f"Look at {ASKED} photos where the student and {word!r} disagree"
    return f"Look at {ASKED} photos of which the student is least sure"


def reply_sentence(draft: Draft, present: bool) -> str:
    """The last reply, beside what the student decides on that photo."""
    last, student = draft.replies[-1], "yes" if present else "no"
    if last.by_teacher:
        return f"The teacher answered {count(draft.by_teacher, 'photo')}."
    if last.value is None:
        return "You skipped a photo."
    answer = "yes" if last.value else "no"
    return f"You said {answer}, the student {student if answer != student else 'too'}."


def teacher_words(photos: int) -> str:
    """Offer that the teacher answers the photos left."""
    return f"Let the teacher answer the other {count(photos)}"


def more_words(draft: Draft, taught: bool) -> str:
    """What comes next: the photos left, or more of them."""
    left = len(draft.images) - len(draft.replies)
    return f"Look at the other {count(left)}" if left and not taught else f"Look at {ASKED} more"


def waiting_sentences(draft: Draft) -> list[str]:
    """Sentence on photos of which all have a reply, that judge nothing yet."""
    if not draft.images:
        return ["There is no photo left to ask about."]
    answers = count(len(draft.answers.given), "answer")
    return [f"Each of the {count(len(draft.images), 'photo')} has a reply: {answers}."]


def teaching_sentences(teaching: Teaching, by_teacher: int = 0) -> list[str]:
    """Sentences on the errors and the loss before and after teaching, and on what was done.

    ``by_teacher`` is the number of answers that the teacher gave in the place of the person.
    """
    outlook = [_outlook(teaching)] if teaching.repairable else []
    by_network = f"The teacher, not a person, gave {count(by_teacher)} of the answers."
    return [_seen(teaching), *outlook, _done(teaching), *([by_network] if by_teacher else [])]


def _seen(teaching: Teaching) -> str:
    photos, wrong = len(teaching.present), int(teaching.wrong_before.sum())
    return (
        f"On {count(photos, 'photo')} the student was right {count(photos - wrong, 'time')}: wrong "
        f"on {teaching.error_before.text(0, scale=100, unit='%')} ({_level(teaching)})."
    )


def _outlook(teaching: Teaching) -> str:
    """Sentence on the students that were taught on the answers of the other folds."""
    corrected = int((teaching.wrong_before & ~teaching.wrong_after).sum())
    new = int((teaching.wrong_after & ~teaching.wrong_before).sum())
    return (
        "Taught on the other answers, it would be wrong on "
        f"{teaching.error_after.text(0, scale=100, unit='%')} of the photos that it did not learn "
        f"({count(corrected)} corrected, {count(new)} newly wrong); its loss changes by "
        f"{teaching.loss_change.text(2, sign=True)} nats per photo."
    )


def _done(teaching: Teaching) -> str:
    if teaching.node is not None:
        forced = "" if teaching.helps else f"{_no_gain(teaching)}, but teaching was forced. "
        return (
            f"{forced}The answers corrected the teacher, and the student learned it on the photos "
            f"of tune: iteration #{teaching.node.number}. The photos were chosen, so AP on all "
            "photos does not follow from these figures."
        )
    if teaching.helps:
        return "The answers help; nothing was taught yet."
    return f"{_no_gain(teaching)}. Nothing was taught."


def _no_gain(teaching: Teaching) -> str:
    if not teaching.enough:
        return f"{LEAST_ANSWERED} answers are needed to correct the teacher"
    if not teaching.repairable:
        return "Nothing to repair was found here"
    if teaching.contradicted and teaching.on_labels is not None:
        change = teaching.on_labels.text(1, scale=100, unit="points", sign=True)
        return f"On the photos of tune that have a label AP would change by {change}"
    return "The loss would not fall"


def _level(teaching: Teaching) -> str:
    return interval_word(teaching.noise["level"])


NodeEdit = Intent | Cure
#: What a class learns, by source.
LEARNED_FROM = {
    LABELS: "the labels of tune",
    TEACHER: "the teacher on tune",
    ANSWERS: "the teacher on tune, corrected by the answers",
    MORE: "the teacher on added photos",
}


def direction_of(item: NodeEdit) -> str:
    """Key of its direction, as in an edits file."""
    return item.direction if isinstance(item, Intent) else item.kind.key


def glyph_of(item: NodeEdit) -> str:
    """Sign of its direction."""
    return DIRECTIONS[item.direction].glyph if isinstance(item, Intent) else item.kind.glyph


def object_of(item: NodeEdit) -> str:
    """Object of a thumb or cure, without class and factor: ``wheel``, ``road, car``, ``0.003``."""
    match item:
        case Intent():
            return item.concept
        case Balance():
            return ", ".join(item.concepts)
        case Label():
            return f"{item.image} {'present' if item.value else 'absent'}"
        case Learn():
            weight = "" if item.value is None else f" {item.value:g}"
            return f"{LEARNED_FROM[item.source]}{weight}"
        case Lambda() | Doubt():
            return AUTO if item.value is None else f"{item.value:g}"


def edit_words(item: NodeEdit, *, sign: bool = False) -> str:
    """``up wheel ×2``, ``down sky ≤ -0.46``, ``balance road, car``, ``lambda 0.003``.

    With the ``sign`` for its word.
    """
    size = size_words(item) if isinstance(item, Intent) else ""
    return f"{glyph_of(item) if sign else direction_of(item)} {object_of(item)}{size}"


def learned_sentence(terms: Terms) -> str:
    """Sentence that a student was fitted to photos of tune, and how it is shown on them."""
    chose = f"The labels of {count(terms.used)} of them chose its terms. " if terms.used else ""
    return (
        "This student was fitted to photos of tune: on each of them you see the student that was "
        "fitted without it; the curves over a weight are of the student that saw them. "
        f"{chose}The holdout is untouched."
    )


def chosen_sentence(photos: int) -> str:
    """Sentence that the labels of so many photos of tune chose the terms of a student."""
    return (
        f"The labels of {count(photos)} of these photos chose this student: AP here is of photos "
        "that chose. The table of metrics is cross-fitted; the holdout is untouched."
    )


def terms_words(terms: Terms) -> list[str]:
    """Clauses on the terms of one class."""
    return [*_words_by_kind(terms).values(), *([used_words(terms)] if terms.used else [])]


def used_words(terms: Terms) -> str:
    """Clause on the labelled photos that chose any of the terms of one class."""
    return f"chosen by the labels of {count(terms.used)} photos of tune"


def cure_sentences(terms: Terms, since: Mapping[str, int]) -> dict[str, str]:
    """Sentence on each cure in force on a class, by kind; ``since`` is the iteration of each.

    An iteration below 0 is a preview, and not named; what no iteration asked for is the spec's.
    """
    return {
        kind: f"{_origin(since, kind)}: {words}." for kind, words in _words_by_kind(terms).items()
    }


def _origin(since: Mapping[str, int], kind: str) -> str:
    if kind not in since:
        return "By the spec"
    return f"Cure in force since #{since[kind]}" if since[kind] >= 0 else "Cure in force"


def _words_by_kind(terms: Terms) -> dict[str, str]:
    words = {}
    if terms.taught is not None:
        photos = len(terms.taught.labels)
        whose = "its label" if photos == 1 else "their labels"
        weight = f"each as {terms.taught.weight:g} photos of fit"
        if terms.taught.weight == 0:
            weight = "without weight: AP on the other photos of tune is no higher with any"
        words[LABEL.key] = f"{count(photos, 'photo')} taught by {whose}, {weight}"
    if terms.learned:
        words[LEARN.key] = "; ".join(
            f"learned {LEARNED_FROM[each.source]}, each photo as {each.weight:g} of fit"
            for each in terms.learned
        )
    if terms.balanced is not None:
        positive, negative = terms.balanced.effective
        names = ", ".join(terms.balanced.concepts)
        words[BALANCE.key] = (
            f"balanced by {names}: {positive:.0f} effective positive photos of fit, "
            f"{negative:.0f} negative"
        )
    if terms.doubted is not None:
        factors = terms.doubted.factors
        most = max(factors, key=lambda name: factors[name], default="")
        worst = f", {most} {factors[most]:.1f} times its penalty" if most else ""
        words[DOUBT.key] = f"doubt {terms.doubted.value:g}: {count(len(factors))} suspects{worst}"
    if terms.penalty is not None:
        words[LAMBDA.key] = f"lambda {terms.penalty:.3g}"
    return words


def gain_words(gain: Gain, *, limits: bool = True) -> str:
    """``+3.1 AP points [+0.4, +6.0]``."""
    return gain.text(1, scale=100, unit="AP points", sign=True, limits=limits)


FEW_SENTENCE = (
    f"Fewer than {FEW_POSITIVES} photos of tune show the class: AP is rough, and it is proposed "
    "because it makes the labels of tune likelier."
)


def lever_sentence(lever: Lever, level: float, *, limits: bool = True) -> str:
    """``labels of tune: AP 84.0, +22.2 AP points [+16.2, +28.4]; 91.5% decided like the teacher, by
    2 concepts.``"""
    gain = (
        f", {gain_words(lever.gain.gain(level), limits=limits)}" if lever.name != AS_IT_IS else ""
    )
    agrees = f"{100 * lever.fidelity:.1f}% decided like the teacher"
    used = count(lever.concepts, "concept")
    return f"{lever.name}: AP {100 * lever.ap:.1f}{gain}; {agrees}, by {used}."


def tune_model_sentence(ap: Interval, *, limits: bool = True) -> str:
    """Sentence on the AP of a model that knows nothing but the labels of tune."""
    shown = ap.text(1, scale=100, limits=limits)
    return f"For comparison, a model of the labels of tune alone: AP {shown}."


def suggestion_sentences(
    suggestion: Suggestion, class_name: str, *, limits: bool = True
) -> list[str]:
    """The summary, then the finding on one class with its levers, then the classes that the teacher
    does not know."""
    sentences = [suggestion.summary]
    if suggestion.intents and len(suggestion.repairs) > 1:
        mean = f"in the mean over {count(len(suggestion.repairs))} classes"
        gain = gain_words(suggestion.gain, limits=limits)
        sentences[0] += f" Expected {mean}: {gain}, {MEASURED}."
    if class_name in suggestion.skipped:
        sentences.append(f"{class_name} is left out: {suggestion.skipped[class_name]}.")
    if class_name in suggestion.repairs:
        sentences += _class_sentences(suggestion, class_name, limits=limits)
    return sentences + teacher_sentences(suggestion.unknown)


def _class_sentences(suggestion: Suggestion, class_name: str, *, limits: bool) -> Iterator[str]:
    repair = suggestion.repairs[class_name]
    if repair.taken is not None:
        gain = gain_words(suggestion.gain_of(class_name), limits=limits)
        edits = "; ".join(edit_words(item) for item in repair.taken.edits)
        yield f"{class_name}: {edits}; expected {gain}, {MEASURED}."
        if repair.few:
            yield FEW_SENTENCE
    elif repair.levers:
        yield f"{class_name}: taking the best lever gains nothing; it is left as it is."
    for lever in repair.levers:
        yield lever_sentence(lever, suggestion.level, limits=limits)
    if repair.shift.tune_model is not None:
        yield tune_model_sentence(repair.shift.tune_model, limits=limits)
