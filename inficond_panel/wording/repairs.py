"""Words and sentences on edits: thumbs, repairs, penalties, answers, and their effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from inficond_panel.common.interval import Interval
from inficond_panel.common.near_words import listed, with_and
from inficond_panel.common.numbers import count, number, signed
from inficond_panel.distill.metrics.slices import MIN_POSITIVES
from inficond_panel.tuning import Intent
from inficond_panel.tuning.answer_files import Draft
from inficond_panel.tuning.answers import LEAST_ANSWERED, SHARE_WRONG, Teaching
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.node import Edited
from inficond_panel.tuning.repairs.choosing import LEAST_FOR_AP
from inficond_panel.tuning.repairs.kinds import in_order
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.tuning.suggest.baselines import Context
from inficond_panel.tuning.suggest.expected import ExpectedGain, expected_gain
from inficond_panel.tuning.suggest.gain import Gain
from inficond_panel.tuning.suggest.levers import ClassRepair
from inficond_panel.tuning.suggest.suggestion import MEASURED
from inficond_panel.tuning.thumbs import size_words
from inficond_panel.vocabulary.aims import aim_points
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.intents import ASKED, DOWN, UP
from inficond_panel.vocabulary.things import shown_words
from inficond_panel.wording.lost_thresholds import BY_CALL, ON_PAGE, lost_sentence


def penalty_text(penalties: Sequence[float], *, chosen: bool = False) -> str:
    """Return the classes' penalties as text: ``0.001``, or ``0.0001 to 0.001 by class``; with
    ``auto: `` before it if the labels of tune have ``chosen`` them."""
    least, most = min(penalties), max(penalties)
    text = f"{least:g}" if least == most else f"{least:g} to {most:g} by class"
    return f"auto: {text}" if chosen else text


def offer_words(word: str, thing: str = "photo") -> str:
    """Return the label of the button that asks for answers; ``word`` is the concept named like the
    class, or "", and ``thing`` what a person is shown of an image, as ``Store.shown``."""
    if word:
        return f"Look at {ASKED} {thing}s where the student and {word!r} disagree"
    return f"Look at {ASKED} {thing}s of which the student is least sure"


def reply_sentence(draft: Draft, present: bool, thing: str = "photo") -> str:
    """Return a sentence on the draft's last reply, and on the student's decision on that photo;
    ``present``: the student decides that the photo shows the class."""
    last, student = draft.replies[-1], "yes" if present else "no"
    if last.by_teacher:
        return f"The teacher answered {count(draft.by_teacher, thing)}."
    if last.value is None:
        return f"You skipped a {thing}."
    answer = "yes" if last.value else "no"
    return f"You said {answer}, the student {student if answer != student else 'too'}."


def teacher_words(photos: int) -> str:
    """Return the label of the button by which the teacher answers the remaining ``photos``."""
    return f"Let the teacher answer the other {count(photos)}"


def more_words(draft: Draft, taught: bool) -> str:
    """Return the label of the button that shows more photos: the draft's remaining photos, or new
    photos if none remain or the answers were ``taught``."""
    left = len(draft.images) - len(draft.replies)
    return f"Look at the other {count(left)}" if left and not taught else f"Look at {ASKED} more"


def waiting_sentences(draft: Draft, thing: str = "photo") -> list[str]:
    """Return sentences on a draft in which each photo has a reply, before it is evaluated."""
    if not draft.images:
        return [f"There is no {thing} left to ask about."]
    answers = count(len(draft.answers.given), "answer")
    return [f"Each of the {count(len(draft.images), thing)} has a reply: {answers}."]


def teaching_sentences(teaching: Teaching, by_teacher: int = 0) -> list[str]:
    """Return sentences on the student's errors and loss before and after it learned from answers,
    and on what it was taught.

    ``by_teacher`` is the number of answers that the teacher gave instead of the person."""
    outlook = [_outlook(teaching)] if teaching.repairable else []
    by_network = f"The teacher, not a person, gave {count(by_teacher)} of the answers."
    doubts = [_doubts(teaching)] if teaching.doubted else []
    by_network_too = [by_network] if by_teacher else []
    return [_seen(teaching), *outlook, *doubts, _done(teaching), *by_network_too]


def ap_change_sentence(change: Interval) -> str:
    """Return the sentence on the change of AP on ``tune`` by answers that were taught."""
    return (
        f"AP on all labelled tuning images changes by {change.text(sign=True)}, cross-fitted: each "
        "student learned from a part of the answers."
    )


def result_headline(teaching: Teaching) -> str:
    """Return the result of answers in a few words: ``5 of 20 right → 19 of 20``, or that these
    photos show no fault."""
    photos = len(teaching.present)
    before, after = (
        photos - int(wrong.sum()) for wrong in (teaching.wrong_before, teaching.wrong_after)
    )
    right = f"{count(before)} of {count(photos)} right"
    if teaching.helps or teaching.node is not None:
        return f"{right} → {count(after)} of {count(photos)}"
    return f"No fault found on these {count(photos)}" if _few_wrong(teaching) else right


def _few_wrong(teaching: Teaching) -> bool:
    """Return whether the answers are enough, and the student is wrong on at most a tenth."""
    photos = len(teaching.present)
    return teaching.enough and int(teaching.wrong_before.sum()) <= photos * SHARE_WRONG


def _thing(teaching: Teaching) -> str:
    """Return what was answered, of which a person may have seen no more than the id."""
    return teaching.shown or "image"


def _doubts(teaching: Teaching) -> str:
    """Return the sentence on answers that the teacher makes unlikely."""
    images, thing = teaching.doubted, _thing(teaching)
    answers = count(len(images), "answer")
    return (
        f"{answers} clearly contradict the teacher ({listed(images, 5)}). Look at these {thing}s "
        "again: the answers are wrong, or the teacher relies on the wrong thing."
    )


def _seen(teaching: Teaching) -> str:
    photos, wrong = len(teaching.present), int(teaching.wrong_before.sum())
    right = count(photos - wrong, "time")
    return (
        f"On {count(photos, _thing(teaching))} the student was right {right}: wrong "
        f"on {teaching.error_before.text(0, scale=100, unit='%')} "
        f"({interval_word(teaching.noise['level'])})."
    )


def _outlook(teaching: Teaching) -> str:
    """Return the sentence on cross-fitted students, which learned the answers of other folds."""
    corrected = int((teaching.wrong_before & ~teaching.wrong_after).sum())
    new = int((teaching.wrong_after & ~teaching.wrong_before).sum())
    errors = (
        "Taught on the other answers, it would be wrong on "
        f"{teaching.error_after.text(0, scale=100, unit='%')} of the {_thing(teaching)}s "
        f"({count(corrected)} corrected, {count(new)} newly wrong)."
    )
    return f"{errors} {_better(teaching)}".rstrip() if new >= corrected else errors


def _better(teaching: Teaching) -> str:
    """Return the sentence on what changes for the better though errors are more; "" if nothing."""
    loss, ap = teaching.loss_change, teaching.on_labels
    told = []
    if loss.estimate < 0:
        told.append(f"its mean loss on them falls: {loss.text(unit='nats', sign=True)}")
    if ap is not None and ap.estimate > 0:
        change = ap.text(1, scale=100, unit="points", sign=True)
        told.append(f"AP on the tuning images that have a label rises: {change}")
    return f"But {', and '.join(told)}." if told else ""


def _done(teaching: Teaching) -> str:
    thing = _thing(teaching)
    if teaching.node is not None:
        forced = "" if teaching.helps else f"{_no_gain(teaching)}, but teaching was forced. "
        return (
            f"{forced}The answers corrected the teacher, and the student learned the corrected "
            f"teacher on the tuning images: iteration #{teaching.node.number}. The {thing}s were "
            f"chosen, not drawn at random, so AP on all {thing}s does not follow from these "
            "figures."
        )
    if teaching.helps:
        return "The answers would lower the loss; nothing was taught yet."
    return f"{_no_gain(teaching)}. The student stays as it is."


def _no_gain(teaching: Teaching) -> str:
    if not teaching.enough:
        return f"{LEAST_ANSWERED} answers are needed to correct the teacher"
    if not teaching.repairable or (_few_wrong(teaching) and not teaching.contradicted):
        return f"These {_thing(teaching)}s show no fault"
    if teaching.contradicted and teaching.on_labels is not None:
        change = teaching.on_labels.text(1, scale=100, unit="points", sign=True)
        return f"On the tuning images that have a label AP would change by {change}"
    return "Learning these answers would not help"


NodeEdit = Intent | Repair


def object_of(item: NodeEdit) -> str:
    """Return the object of a thumb or repair: ``wheel``, ``road, car``; or its size ``0.003``."""
    return item.concept if isinstance(item, Intent) else item.object_words


def folded(edits: Sequence[NodeEdit]) -> list[tuple[NodeEdit, str, str]]:
    """Return edits, labels first, with object and title.

    Of a class's answers, which have a reason (``why``), the first stands for all; likewise of its
    other labels.
    """

    def kind(label: Label) -> tuple[str, str]:
        return label.class_name, "answer" if label.why else "label"

    found: list[tuple[NodeEdit, str, str]] = []
    labels = sorted((edit for edit in edits if isinstance(edit, Label)), key=kind)
    for (_, word), group in groupby(labels, kind):
        first, *others = group
        names = [object_of(first), *map(object_of, others)]
        told = (count(len(names), word), ", ".join(names)) if others else (names[0], "")
        found.append((first, *told))
    return found + [(edit, object_of(edit), "") for edit in edits if not isinstance(edit, Label)]


def edit_words(item: NodeEdit) -> str:
    """Return a thumb or repair in words: ``up wheel ×2``, ``down sky ≤ −0.46``, ``doubt 2``."""
    size = size_words(item) if isinstance(item, Intent) else ""
    return f"{item.kind.key} {object_of(item)}{size}"


#: Which student decides on each of the images that a student learned from, or was chosen by.
_JUDGED = "Each image here is judged by a student that"


def learned_sentence() -> str:
    """Return sentences that a student was fitted to tuning images, and how the page shows them."""
    return f"{_JUDGED} did not learn it. Curves are of the final student."


def chosen_sentence() -> str:
    """Return the sentence that the labels of tuning images chose a student's settings."""
    return f"{_JUDGED} was chosen without it."


#: That a gain on tuning images is not to be expected elsewhere, if these chose the repair.
_CHOSE = "The tuning images chose this repair, so its gain on them is likely too large."


def on_other_images(gain: str) -> str:
    """Return the sentence on a repair's gain on images that did not choose it."""
    return f"Expected on other images: {gain}."


def chose_sentence(node: Edited, terms: Mapping[str, Terms], *, limits: bool = True) -> str:
    """Return the gain that is expected of an iteration on other images, where a suggestion made it;
    else, if labels of tuning images chose one of its repairs, a sentence on that; else "".

    ``terms`` are those of the iteration, by class."""
    if (expected := expected_gain(node)) is not None:
        return on_other_images(expected_words(expected, limits=limits))
    repaired = {repair.class_name for repair in node.repairs}
    chosen = any(terms[name].used for name in repaired & terms.keys())
    return _CHOSE if chosen else ""


def terms_words(terms: Terms) -> list[str]:
    """Return clauses on how one class is fitted: one per active repair, and one on the labels that
    chose the settings."""
    used = [used_words(terms)] if terms.used else []
    return [
        *map(adjustment_words, terms.adjusted),
        *(each.words for each in in_order(terms)),
        *used,
    ]


def adjustment_words(adjusted: Adjustment) -> str:
    """Return the clause on what a thumb adds to the targets of one class."""
    what = ", ".join(adjusted.concepts)
    return f"the thumb on {what} adds {signed(adjusted.gain)} standard deviations to targets"


def used_words(terms: Terms) -> str:
    """Return the clause on how many labelled tuning images chose the settings of one class."""
    return f"chosen by the labels of {count(terms.used)} tuning images"


def repair_sentences(terms: Terms, since: Mapping[str, int]) -> dict[str, str]:
    """Return a sentence on each active repair of a class, by the repair's kind.

    ``since`` holds the iteration since which a kind is active: a negative number is a preview, and
    a kind without a number is set by the spec."""
    return {each.kind: f"{_origin(since, each.kind)}: {each.words}." for each in in_order(terms)}


def _origin(since: Mapping[str, int], kind: str) -> str:
    if kind not in since:
        return "By the spec"
    return f"Repair active since #{since[kind]}" if since[kind] >= 0 else "Repair active"


def gain_words(gain: Gain, *, limits: bool = True, by: str = "") -> str:
    """Return a repair's gain as text: ``+3.1 AP points [+0.4, +6.0]``, or without ``limits``.

    With images divided ``by`` something it is in points of the worst group."""
    return gain.text(1, scale=100, unit=aim_points(by), sign=True, limits=limits)


def expected_words(expected: ExpectedGain, *, limits: bool = True) -> str:
    """Return a recorded gain as ``gain_words``, and over how many classes it is the mean."""
    gain = gain_words(expected.gain, limits=limits, by=expected.by)
    return gain if expected.classes == 1 else f"{gain}, mean of {count(expected.classes)} classes"


def recorded_words(node: Edited) -> str:
    """Return the expected gain that an iteration records, as ``expected_words``; "" if none."""
    expected = expected_gain(node)
    return "" if expected is None else expected_words(expected)


FEW_SENTENCE = (
    f"Fewer than {LEAST_FOR_AP} tuning images show the class, or do not, so AP is uncertain: the "
    "repair has the settings under which the labels are likeliest."
)


def small_cells_sentence(cells: str) -> str:
    """Return the sentence that ``cells`` of label and group, such as ``present · man (5)``, have
    too few images for limits of the worst group."""
    return (
        f"Limits of the worst group are undefined, since too few tuning images are in {cells}; "
        f"{MIN_POSITIVES} of each label in each group are needed."
    )


def no_limits_sentence(levers: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a list with the sentence on why the gains of ``levers``, by class, have no limits,
    though images are enough: their bootstrap draws hardly differ; empty without such levers."""
    told = [f"{name}: {with_and(each)}" for name, each in levers.items() if each]
    if not told:
        return []
    return [
        "Gains with undefined limits are the same in nearly all bootstrap draws, which do not "
        f"show how much they vary ({'; '.join(told)})."
    ]


def lost_by_proposal(
    suggestion: Suggestion, class_name: str, *, choose: str = BY_CALL, limits: bool = True
) -> list[str]:
    """Return a list with the sentence on what decisions on a class would lose at the threshold by
    its proposed repair; empty if nothing."""
    repair = suggestion.repairs.get(class_name)
    if repair is None or repair.lost is None:
        return []
    sentence = lost_sentence(repair.lost, choose=choose, limits=limits)
    return [f"With the proposed repair: {sentence}"]


def proposals_lose(suggestion: Suggestion) -> list[str]:
    """Return ``lost_by_proposal`` of each class, after its name."""
    return [
        f"{name}: {sentence}"
        for name in suggestion.taken
        for sentence in lost_by_proposal(suggestion, name)
    ]


#: Why the preview of a proposal that the tuning images chose states another gain.
OTHER_PREVIEW = "The preview is of one ranking of all tuning images: it can state another change."
#: Why the AP on tune after a refit differs from the AP that a proposal states.
OTHER_AP_SENTENCE = (
    "After the refit, metrics on the tuning images show another AP: that of one ranking of all "
    "images, for repairs by five students, each with settings that the other four fifths of the "
    "images chose. The gain here is a mean over bootstrap draws, each of which chooses anew, and "
    "is measured on the images that were not drawn."
)


#: Of a class whose tuning labels, by which gains are measured, are contradicted.
TUNE_DOUBTED = "Its tuning labels may be wrong, and gains count them: the doctor lists them."


def tune_models_sentence(
    aps: Mapping[str, Interval | None], *, limits: bool = True, named: bool = True
) -> list[str]:
    """Return a list with the sentence on the AP, by class, of models that are fitted to the tuning
    images alone; empty without any. The classes are ``named``, but for one of which it is clear."""
    known = {name: ap.text(limits=limits) for name, ap in aps.items() if ap is not None}
    told = [f"{name} {shown}" if named else shown for name, shown in known.items()]
    model = "models" if len(told) > 1 else "a model"
    sentence = f"For comparison, {model} fitted to the tuning images alone: AP {'; '.join(told)}."
    return [sentence] if told else []


def plain_edit(item: NodeEdit) -> str:
    """Return a thumb or repair in words for beginners: ``Reweight by lifebuoy and anchor``."""
    return f"{item.kind.verb} {item.concept}" if isinstance(item, Intent) else item.plain_words


def repair_sentence(suggestion: Suggestion, class_name: str, *, limits: bool = True) -> str:
    """Return the sentence on a class's proposed repair and its expected gain, or why there is none;
    "" if the class was not searched."""
    if class_name in suggestion.skipped:
        why = f"No repair was searched for: {suggestion.skipped[class_name]}."
        return f"{why} {ask_sentence(suggestion, class_name)}".strip()
    repair = suggestion.repairs.get(class_name)
    if repair is None:
        return ""
    if not repair.above_chance:
        return f"No repair of {class_name} ranks the few tuning images better than chance."
    if repair.taken is None:
        return _no_repair(repair, class_name, suggestion.by)
    thumbs = [edit for edit in repair.taken.edits if isinstance(edit, Intent)]
    by_verb = [(verb, [each.concept for each in of]) for verb, of in groupby(thumbs, _verb)]
    edits = [f"{verb} {with_and(concepts)}" for verb, concepts in by_verb]
    edits += [plain_edit(edit) for edit in repair.taken.edits if not isinstance(edit, Intent)]
    first, *rest = edits
    words = with_and([first, *(edit[0].lower() + edit[1:] for edit in rest)])
    return f"{words}: {_expected(suggestion, class_name, limits)} expected."


def _no_repair(repair: ClassRepair, class_name: str, by: str) -> str:
    change = repair.gain_of_best.estimate
    none = f"No repair of {class_name} is expected to gain"
    if not change < 0:
        return f"{none}."
    by_points = f"{signed(100 * change, 1)} {aim_points(by) if by else 'points'}"
    return f"{none}: what is best on some of the images gains {by_points} on the others."


def expected_sentence(suggestion: Suggestion, class_name: str, *, limits: bool = True) -> str:
    """Return the sentence on the expected gain of a class's proposed repair, where its edits are
    shown already."""
    return on_other_images(_expected(suggestion, class_name, limits))


def _expected(suggestion: Suggestion, class_name: str, limits: bool) -> str:
    unit = aim_points(suggestion.by) if suggestion.by else "points"
    return suggestion.gain_of(class_name).text(1, scale=100, unit=unit, sign=True, limits=limits)


def _verb(thumb: Intent) -> str:
    return thumb.kind.verb


def repair_notes(suggestion: Suggestion, class_name: str, *, limits: bool = True) -> list[str]:
    """Return notes on a class's proposed repair: how its gain was measured, and the AP of a model
    fitted to the tuning images for comparison."""
    repair = suggestion.repairs.get(class_name)
    if repair is None:
        return []
    by = suggestion.by
    better = better_sentence(repair, limits=limits, by=by)
    notes = [*filter(None, [better, ask_sentence(suggestion, class_name)])]
    notes += [TUNE_DOUBTED] if repair.tune_doubted else []
    notes += [FEW_SENTENCE] if repair.by_likelihood and repair.taken else []
    notes += [small_cells_sentence(repair.small_cells)] if repair.small_cells else []
    if repair.taken:
        gain = gain_words(suggestion.gain_of(class_name), limits=limits, by=by)
        notes.append(f"Expected: {gain}, {MEASURED}.")
        notes.append(OTHER_AP_SENTENCE)
    notes += lost_by_proposal(suggestion, class_name, choose=ON_PAGE, limits=limits)
    if (model := repair.shift.tune_model) is not None:
        notes += tune_models_sentence({class_name: model}, limits=limits, named=False)
    return notes


def better_sentence(repair: ClassRepair, *, limits: bool = True, by: str = "") -> str:
    """Return the sentence that a baseline ranks the tuning images better than the student with the
    proposed repair, and how to use it; "" if none does. ``by`` divides images into groups."""
    better = repair.better
    if better is None:
        return ""
    than = "the proposed repair" if repair.taken else "the student"
    gain = better.gain.gain().text(sign=True, limits=limits)
    value = f"worst group {number(better.worst)}" if by else f"AP {number(better.ap)}"
    return (
        f"Better than {than}: {better.name}, {value} ({gain} against the student). "
        f"It is no edit of a student. To use it, rank images by the {better.recipe}."
    )


#: That nobody knows what thumbs on a context gain, and what shows it.
_NOT_MEASURED = (
    "The labels show no clear shift, so it was not measured whether that helps: the preview of "
    "these thumbs has the figures for images like these, and for images without this correlation."
)


def ask_sentence(suggestion: Suggestion, class_name: str) -> str:
    """Return the question that a person answers: whether images will come in which a class and
    the context of its student part; "" if there is no such question."""
    context = suggestion.contexts.get(class_name)
    if context is None:
        return ""
    shown = shown_words(context.concept, context.high)
    return (
        f"If images of {class_name} without {shown}, or of {shown} without {class_name}, will "
        f"come, thumbs ({_context_thumbs(context)}) change what the student learns. {_NOT_MEASURED}"
    )


def ask_sentences(suggestion: Suggestion) -> list[str]:
    """Return a list with ``ask_sentence`` of one class, or with one sentence on several; empty if
    there is no such question."""
    contexts = suggestion.contexts
    if len(contexts) < 2:
        return [ask_sentence(suggestion, name) for name in contexts]
    pairs = (
        f"{name} and {shown_words(context.concept, context.high)} ({_context_thumbs(context)})"
        for name, context in contexts.items()
    )
    return [
        "If images will come that show only one of such a pair, the thumbs beside it change what "
        f"the student learns: {'; '.join(pairs)}. {_NOT_MEASURED}"
    ]


def _context_thumbs(context: Context) -> str:
    thumbs = f"{DOWN.glyph} {context.concept}"
    return f"{UP.glyph} {context.word} and {thumbs}" if context.word else thumbs
