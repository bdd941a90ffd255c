"""Sentences on how many students lean on suspects, and on suggestions."""

from __future__ import annotations

import pytest

from inficond_panel.distill import Interval
from inficond_panel.distill.shift.verdict import Verdict
from inficond_panel.tuning.intents.cures import Lambda
from inficond_panel.tuning.shift.class_shift import ClassShift
from inficond_panel.tuning.suggest.suggestion import ClassSuggestion, Gain, Suggestion
from inficond_panel.wording.cures import gain_words, suggestion_sentences
from inficond_panel.wording.suspects import leaning_sentence, plain_sentence, shift_sentence


def found(*kinds: str) -> dict[str, ClassShift]:
    return {f"c{at}": ClassShift(f"c{at}", kind) for at, kind in enumerate(kinds)}


@pytest.mark.parametrize(
    ("kinds", "classes", "said"),
    [
        (["none"], 2, "Looking for suspects: 1 of 2 students."),
        (["none", "none"], 2, "No student leans on what holds on fit and not on tune."),
        (
            ["none", "unknown"],
            2,
            "No student is seen to lean on what holds on fit and not on tune. "
            "Of 1 there are too few photos to say.",
        ),
        (["shift", "none"], 2, "1 of 2 students leans on what holds on fit and not on tune: c0."),
        (
            ["shift"] * 8,
            8,
            "8 of 8 students lean on what holds on fit and not on tune: c0, c1, c2, c3, c4, c5, ….",
        ),
    ],
)
def test_students_that_lean_on_suspects_are_counted_and_named(kinds, classes, said):
    assert leaning_sentence(found(*kinds), classes) == said


def test_a_verdict_in_plain_words_has_no_numbers_and_no_names_of_splits():
    for kind in ("shift", "none", "unknown"):
        said = plain_sentence(ClassShift("boat", kind))
        assert "boat" in said
        assert not any(each.isdigit() for each in said)
        assert not {"fit", "tune"} & set(said.split())


def test_sentences_with_numbers_write_a_true_minus():
    """The house's number format has U+2212, as all other texts of the page."""
    verdict = Verdict(4.0, 0.9, Interval(-0.251, -0.4, 0.1), Interval(-0.0123, -0.02, 0.01))
    of_class = ClassShift("boat", "none", verdict=verdict)
    assert shift_sentence(of_class) == (
        "No shift: from fit to tune it loses −0.25 [−0.40, 0.10] of 4.00 logits of separation and "
        "−1.2 [−2.0, 1.0] of 90.0 AP points. No concept is to blame; λ or labels may still gain."
    )
    assert shift_sentence(of_class, limits=False) == (
        "No shift: from fit to tune it loses −0.25 of 4.00 logits of separation and −1.2 of 90.0 "
        "AP points. No concept is to blame; λ or labels may still gain."
    )
    assert gain_words(Gain(-0.031, -0.06, 0.004)) == "−3.1 AP points [−6.0, +0.4]"


def suggestion(**of: object) -> Suggestion:
    fixed = {"strategy": "repair", "seed": 0, "budget": 5, "parent": "p", "images": 600}
    return Suggestion(**{**fixed, "measured": "cross-fitted", "conclusion": "One.", **of})


def test_a_suggestion_is_told_with_its_gain_and_its_reasons():
    gain = Gain(0.031, 0.004, 0.06)
    own = ClassSuggestion((Lambda("dog"),), gain, ("AP on tune chooses",))
    made = suggestion(scope=("dog", "cat"), gain=gain, classes={"dog": own})
    assert suggestion_sentences(made, "dog") == [
        "One. Expected in the mean over 2 classes: +3.1 AP points [+0.4, +6.0], cross-fitted.",
        "dog: expected +3.1 AP points [+0.4, +6.0], cross-fitted.",
        "lambda auto: AP on tune chooses.",
    ]
    assert suggestion_sentences(made, "cat")[1] == (
        "cat: nothing here beats noise; it is left as it is."
    )


def test_a_suggestion_is_told_without_limits():
    tried = {"tune": Gain(0.0123, -0.002, 0.03), "AP on tune": Gain(-0.004, -0.01, 0.002)}
    own = ClassSuggestion((Lambda("dog"),), tried["tune"], ("AP on tune chooses",))
    made = suggestion(
        scope=("dog",), gain=tried["tune"], classes={"dog": own}, tried=tried, alone=True
    )
    assert made.summary == (
        "One. Cross-fitted gain in AP points, at its largest, by tune +1.23 [−0.20, +3.00]; by AP "
        "on tune −0.40 [−1.00, +0.20]. Each class was tried by itself; a thumb moves the others "
        "too."
    )
    assert suggestion_sentences(made, "dog", limits=False) == [
        "One. Cross-fitted gain in AP points, at its largest, by tune +1.23; by AP on tune −0.40. "
        "Each class was tried by itself; a thumb moves the others too. Expected: +1.2 AP points, "
        "cross-fitted.",
        "dog: expected +1.2 AP points, cross-fitted.",
        "lambda auto: AP on tune chooses.",
    ]


def test_where_nothing_is_suggested_no_gain_is_told():
    made = suggestion(scope=("dog",), gain=Gain(0, 0, 0), skipped={"cat": "2 photos"})
    assert suggestion_sentences(made, "cat") == ["One.", "cat is left out: 2 photos."]
