"""Cards of the start view, as plain data: a class, what was found of it, and bars of images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from inficond_panel.common.numbers import count
from inficond_panel.distill import ClassMetrics
from inficond_panel.results.doctor.decided import OTHER_THRESHOLD, OnDecisions
from inficond_panel.results.shared_bias import StudentShared
from inficond_panel.results.worse_groups import WorseGroup
from inficond_panel.state.repairs import gains
from inficond_panel.store import Store
from inficond_panel.tuning import Intent
from inficond_panel.tuning.label_noise import DoubtedLabels
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE
from inficond_panel.tuning.shared_bias import SharedSuspect
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.vocabulary.shift_kinds import LOST, NOISIER, PICTURES
from inficond_panel.vocabulary.things import CLASS, COLUMN, CONCEPT, shown_words
from inficond_panel.wording.shared_bias import (
    asked_sentence,
    calls_tell,
    condition,
    short_sentence,
    thumb_of,
)
from inficond_panel.wording.shift_kinds import (
    MODEST,
    SLIGHT,
    contradicted_sentence,
    kind_sentence,
    made_the_same_way,
    mislabelled_sentence,
    moved_in_all,
    remedy_of,
    undistinguished,
)
from inficond_panel.wording.suspects import (
    by_score,
    means_clause,
    relied_sentence,
    relying_words,
    same_question,
)
from inficond_panel.wording.things import in_words_of

#: Largest number of cards.
CARDS = 5


def make_cards(
    shifts: Mapping[str, ClassShift],
    names: Sequence[str],
    same: Callable[[str, str], bool] = lambda *_: False,
    tuning: str = "on screen",
    found: Mapping[str, Differences] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Return cards of the students ``names``, which rely on a suspect concept, with the differences
    ``found`` of these classes.

    A card is ``{class_name, relies, concept, hover, sentence, bars, removable, advice, asks}``:
    ``relies`` are the words between class and concept, ``hover`` is a sentence if only a score
    shows the concept, ``bars`` are of the class's training and tuning images that show the concept
    (see ``make_bars``; {} if the sentence tells the loss by means), ``removable`` whether the card
    removes it (see ``_removable``), ``advice`` sentences: whether its scores were made in the same
    way, on when to remove it if its shares differ modestly, and on what looks the same, ``asks`` a
    question if the concept is perhaps the ``same`` as the class. ``tuning`` names the tuning
    images, which may be those on screen.
    """
    return [
        {
            "class_name": shift.class_name,
            "relies": relying_words(shift.first),
            "concept": shift.first.concept,
            "hover": by_score(shift.first, shift.things),
            **_evidence(shift, tuning),
            "removable": _removable(shift, found.get(shift.class_name)),
            "advice": _advice(shift, found.get(shift.class_name)),
            "asks": same_question(shift.class_name, shift.first.concept)
            if same(shift.class_name, shift.first.concept)
            else "",
        }
        for shift in (shifts[name] for name in names)
    ]


def _removable(shift: ClassShift, found: Differences | None) -> bool:
    """Return whether a card removes the suspect: not before it is known what else may explain it,
    and where that may be, or its scores are others in all images, or the shares differ modestly."""
    explained = found is None or bool(found.perhaps) or moved_in_all(found, shift)
    return shift.removable and not (shift.slight or shift.modest or explained)


def _advice(shift: ClassShift, found: Differences | None) -> str:
    remedy = remedy_of(LOST, shift=shift)
    hedge = [remedy] if remedy in (MODEST, SLIGHT) else []
    asked = [made_the_same_way(found)] if found and moved_in_all(found, shift) else []
    return " ".join(filter(None, [*asked, *hedge, undistinguished(found, LOST)]))


def _evidence(shift: ClassShift, tuning: str) -> dict[str, Any]:
    """Return the sentence and the bars of a card; no bars if the shares do not tell the loss."""
    name, suspect, things = shift.class_name, shift.first, shift.things
    if not suspect.told_by_shares:
        clause = means_clause(name, suspect, things)
        return {"sentence": f"{clause[0].upper()}{clause[1:]}.", "bars": {}}
    shares = suspect.presence.fit[0], suspect.presence.tune[0]
    return {
        "sentence": relied_sentence(name, suspect, things),
        "bars": make_bars("shown", suspect.concept, "learned from", tuning, shares),
    }


def make_bars(
    of: str, thing: str, first: str, second: str, shares: tuple[float, float]
) -> dict[str, Any]:
    """Return two bars of a card, with their words: shares of photos of the class that are ``shown``
    with a thing, shares that are ``found``, or of the other photos those ``called`` the class."""
    return {"of": of, "thing": thing, "rows": [[first, shares[0]], [second, shares[1]]]}


def make_shared(
    shared: Mapping[str, StudentShared], asked: Sequence[str], tuning: str = "on screen"
) -> list[dict[str, Any]]:
    """Return cards of the students ``asked`` about something that all photos share, or that goes
    with the class in the training images only.

    Besides the keys of ``make_cards``, a card has the ``kind`` and the name (``thing``) of what it
    is, whether it is known of each image (``labelled``), so that its pictures are with it and
    without it, and the thumb that helps if it should not count: the words before it
    (``question``), its ``direction`` and ``concepts``.
    """
    first = {name: shared[name].found.asked[0] for name in asked}
    return [
        {
            "class_name": name,
            "relies": "may rely on" if one.use > 0 else "may rely on the absence of",
            "concept": one.name if one.kind == CONCEPT else "",
            "bars": _bars_of(one, tuning),
            "removable": False,
            "thing": one.name,
            "kind": one.kind,
            "labelled": one.kind in (CLASS, COLUMN),
            "sentence": short_sentence(name, one, shared[name].found.things),
            "question": f"{condition(name, one)}:"
            if shared[name].concepts(one)
            else asked_sentence(name, one, ()),
            "direction": thumb_of(one).key,
            "concepts": list(shared[name].concepts(one)),
        }
        for name, one in first.items()
    ]


def _bars_of(one: SharedSuspect, tuning: str) -> dict[str, Any]:
    """Return the bars of photos with a suspect and without it, {} if there are none on a side; or
    of the class's training and tuning images, if it goes with the class in the former only."""
    if one.in_fit is not None:
        (part, of), (tune_part, of_tune) = one.in_fit.fit[0], one.in_fit.tune[0]
        shares = part / of, tune_part / of_tune
        return make_bars("shown", one.name, "learned from", tuning, shares)
    wrong = calls_tell(one)
    (with_, of_with), (without, of_without) = one.rates.called if wrong else one.rates.found
    if not of_with or not of_without:
        return {}
    words = (
        f"with {shown_words(one.name, one.high)} ({count(of_with)})",
        f"without ({count(of_without)})",
    )
    return make_bars(
        "called" if wrong else "found", one.name, *words, (with_ / of_with, without / of_without)
    )


class Rank(IntEnum):
    """What cards are about, in the order of the start view: that of *Where to begin*, with causes
    before what they cause, and what a person decides by before what is only behind."""

    PICTURES = 0  #: the cause, where the student relies on something, too
    NOISIER = 1  #: the same
    RELIES = 2
    LABELS = 3
    TOLD = 4  #: of teacher and decisions
    ASKED = 5
    GAINLESS = 6  #: relies on something, without a gain to expect
    BEHIND = 7
    THRESHOLD = 8


#: What has a card only for a class without one of a rank before.
_ALONE = (Rank.TOLD, Rank.BEHIND, Rank.THRESHOLD)


def in_card_order(cards: Mapping[Rank, Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the cards in the order of their ranks; those of ``_ALONE`` if the class has no other
    before."""
    ordered = list[dict[str, Any]]()
    for rank in Rank:
        carded = {card["class_name"] for card in ordered} if rank in _ALONE else ()
        ordered += [card for card in cards.get(rank, ()) if card["class_name"] not in carded]
    return ordered


def make_behind(
    metrics: Mapping[str, ClassMetrics],
    unsure: Collection[str],
    order: Sequence[str],
    unshown: Collection[str] = (),
    unsummed: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Return cards without a concept, in this ``order`` of classes: of students behind their
    teacher, which may see more than the concepts show (``unshown``), or a sum of them
    (``unsummed``), and of the classes ``unsure``, which have too few images for a verdict."""
    behind = {name for name, each in metrics.items() if each.teacher_ap > each.ap}
    words = {
        name: f"AP {each.ap:.2f}, its teacher {each.teacher_ap:.2f}"
        for name, each in metrics.items()
        if name in behind and each.positives >= LEAST_TUNE
    }
    less = dict.fromkeys(unshown, "the concepts show less than the teacher sees")
    less |= dict.fromkeys(unsummed, "a sum of the concepts shows less than the teacher sees")
    few = dict.fromkeys(unsure, "too few images to say what it relies on")
    return [
        {
            "class_name": name,
            "relies": "",
            "concept": "",
            "sentence": f"{'; '.join(each[name] for each in (words, less, few) if name in each)}.",
            "bars": {},
            "removable": False,
        }
        for name in [each for each in order if each in words or each in few][:CARDS]
    ]


def make_mislabelled(
    shifts: Mapping[str, ClassShift], found: Mapping[str, Differences], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return cards without a concept, with the words of their ``button``: of the classes ``names``,
    with wrong labels of training or tuning images."""
    return [_told_card(name, mislabelled_sentence(found[name], shifts[name])) for name in names]


def make_noisier(
    shifts: Mapping[str, ClassShift], found: Mapping[str, Differences], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return cards as ``make_mislabelled``, of the classes ``names``, whose students use a concept
    with noisier scores on tune."""
    return [
        _told_card(name, kind_sentence(NOISIER, found[name], shifts[name]), "Look at it")
        for name in names
    ]


def make_contradicted(
    found: Mapping[str, DoubtedLabels | None], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return cards as ``make_mislabelled``, of those classes of ``names`` of which several training
    labels are contradicted one by one."""
    return [
        _told_card(name, contradicted_sentence(name, labels))
        for name in names
        if (labels := found.get(name)) is not None and labels.several
    ]


def make_told(
    teacher: Mapping[str, Sequence[WorseGroup]],
    students: Mapping[str, Sequence[WorseGroup]],
    decided: Mapping[str, Sequence[OnDecisions]],
    names: Sequence[str],
) -> list[dict[str, Any]]:
    """Return cards as ``make_mislabelled``, of those classes of ``names`` of which the teacher is
    worse in a group, or else of which the student is, or else with a finding on their decisions but
    that another threshold is better."""
    first = {
        name: [
            *(
                each.sentence(limits=False)
                for groups in (teacher, students)
                for each in groups.get(name, ())
            ),
            *(each.finding for each in decided.get(name, ()) if each.kind != OTHER_THRESHOLD),
        ]
        for name in names
    }
    return [_told_card(name, told[0], "Look at it") for name, told in first.items() if told]


def make_thresholds(
    decided: Mapping[str, Sequence[OnDecisions]], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return cards as ``make_mislabelled``, of those classes of ``names`` of which another
    threshold is better: their rankings stay."""
    return [
        _told_card(name, each.finding, "Look at it")
        for name in names
        for each in decided.get(name, ())
        if each.kind == OTHER_THRESHOLD
    ]


def _told_card(name: str, sentence: str, button: str = "Look at the labels") -> dict[str, Any]:
    return {
        "class_name": name,
        "relies": "",
        "concept": "",
        "sentence": sentence,
        "bars": {},
        "removable": False,
        "button": button,
    }


def make_unlike_cards(
    shifts: Mapping[str, ClassShift],
    found: Mapping[str, Differences],
    names: Sequence[str],
    tuning: str,
) -> list[dict[str, Any]]:
    """Return cards of the classes ``names``, whose training images are other pictures, with the
    words for these (``trait``), and bars of such images as in ``make_cards``; none of a class of
    which most training images are not such, or if the images without it differ more."""
    firsts = {name: found[name].pictures[0] for name in names}
    shares = {name: (of.presence.fit[0], of.presence.tune[0]) for name, of in firsts.items()}
    return [
        {
            "class_name": name,
            "relies": "was learned from",
            "concept": "",
            "trait": first.words,
            "other": tuning,
            "sentence": kind_sentence(PICTURES, found[name], shifts[name]),
            "bars": make_bars("such", first.words, "learned from", tuning, shares[name]),
            "removable": False,
            "button": "Look at it",
        }
        for name, first in firsts.items()
        if first.presence.apart == abs(shares[name][0] - shares[name][1]) and shares[name][0] >= 0.5
    ]


def make_faults(store: Store, found: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return faults of the scores and of the teacher's outputs, in the words of the ``store``."""
    return [{key: in_words_of(store, words) for key, words in each.items()} for each in found]


def make_offers(expected: Mapping[str, Suggestion]) -> dict[str, dict[str, Any]]:
    """Return the gain in AP of the recommended repair by class, as text in ``gain``.

    ``removes`` is True if the repair only removes suspects. A class whose gain is not significant
    is left out.
    """
    return {
        name: {
            "removes": all(isinstance(edit, Intent) for edit in suggestion.taken[name].edits),
            "gain": suggestion.gain_of(name).text(0, scale=100, sign=True, limits=False),
        }
        for name, suggestion in expected.items()
        if gains(suggestion, name)
    }


def make_checking(known: int, wanted: int, classes: int) -> dict[str, str]:
    """Return the ``text`` on how many students are checked for what all photos share, and the
    label of the button that checks the others (``offer``); both empty before any is requested."""
    if not wanted:
        return {"text": "", "offer": ""}
    text = f"What all images share is checked for {known} of {count(classes, 'student')}."
    rest = classes - wanted
    return {"text": text, "offer": f"Check the other {rest}" if rest and known == wanted else ""}


def shown_concept(card: Mapping[str, Any]) -> str:
    """Return the concept that the first picture of a card shows; "" without one."""
    return str(next(iter(card.get("concepts", ())), card["concept"]))


def key_of(card: Mapping[str, Any]) -> str:
    """Return the key of a card's picture: its class, and what all photos share, or its trait."""
    about = card.get("thing") or card.get("trait")
    return f"{card['class_name']}/{about}" if about else str(card["class_name"])
