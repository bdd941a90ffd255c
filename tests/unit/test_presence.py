"""Presence of a concept in photos, and the sentences on suspects that tell it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.cluster import KMeans

from inficond_panel.distill.suspects import Presence, dividing_score, presence
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Tuner
from inficond_panel.tuning.edits import Balance
from inficond_panel.tuning.shift import ClassShift, Suspect
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.wording.suspects import (
    plain_reason,
    plain_sentence,
    suspect_numbers,
    suspect_reason,
)

LIGHT = Presence(0.271, (0.954, 0.03), (0.5, 0.17))


def suspect(there: Presence = LIGHT) -> Suspect:
    return Suspect(
        concept="traffic light",
        score=1.0,
        z=8.61,
        q=0.0,
        reliance=0.4,
        weight=1.5,
        lost=0.8,
        fit=2.2,
        tune=1.0,
        group=(),
        presence=there,
    )


def test_the_threshold_parts_two_groups_as_two_means_do() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(-3, 1, 70), rng.normal(2, 1, 30)])
    groups = KMeans(2, n_init=20, random_state=0).fit_predict(scores[:, None])
    upper = groups == groups[scores.argmax()]
    expected = (scores[upper].min() + scores[~upper].max()) / 2
    assert dividing_score(scores) == pytest.approx(expected)
    assert dividing_score(10 * scores + 7) == pytest.approx(10 * expected + 7)  # of any scale


def test_equal_scores_are_in_one_group() -> None:
    assert dividing_score([0, 0, 0, 1]) == 0.5
    assert math.isnan(dividing_score([2, 2, 2]))


def test_shares_are_of_positives_and_negatives_by_the_threshold_of_fit() -> None:
    fit, tune = [0.0, 0.0, 1.0, 1.0], [0.4, 0.6, 0.9, 0.1]
    found = presence(fit, np.array([0, 0, 1, 1]), tune, np.array([1, 1, 1, 0]))
    assert (found.threshold, found.fit) == (0.5, (1.0, 0.0))
    assert found.tune == (pytest.approx(2 / 3), 0.0)


def test_photos_with_the_class_lead_and_the_others_follow_where_they_differ_more() -> None:
    there = Presence(0.1, (0.9, 0.1), (0.85, 0.5))
    shift = ClassShift("dog", "shift")
    assert suspect_reason(shift, suspect(there)) == (
        "In 90 % of the photos with dog on fit, 85 % on tune; of those without, 10 % and 50 %."
    )
    assert plain_reason(shift, suspect(there)) == (
        "In 90 % of the training images with dog, 85 % of the tuning ones; without dog, in 10 % "
        "and 50 %."
    )


def test_z_is_stated_of_the_labels_where_it_is_of_labels() -> None:
    shift = ClassShift("bicycle", "shift")
    by_scores = suspect_numbers(shift, suspect())
    assert "differ by +2.2 standard deviations on fit and by +1.0 on tune, a change of 8.6" in (
        by_scores
    )
    by_labels = suspect_numbers(shift, replace(suspect(), labelled="traffic light"))
    assert "By labels, the correlation changes by 8.6 standard errors (z). The mean scores" in (
        by_labels
    )
    assert by_labels.count("(z)") == by_scores.count("(z)") == 1


def test_reliance_on_a_concept_at_0_comes_with_its_reason() -> None:
    why = "Its own influence is 0: correlated concepts carry it."
    held = replace(suspect(), weight=0.0)
    assert suspect_numbers(ClassShift("bicycle", "shift"), held).endswith(why)
    assert plain_reason(ClassShift("bicycle", "shift"), held).endswith(why)
    assert "own" not in plain_reason(ClassShift("bicycle", "shift"), suspect())
    both = ClassShift("bicycle", "shift", suspects=(held, replace(suspect(), concept="pole")))
    assert plain_sentence(both).startswith("bicycle relies on pole, in 95 %")  # it can be removed
    assert plain_sentence(replace(both, suspects=(held,))).endswith(why)


def test_the_preview_of_a_balance_adds_its_gain_to_the_reason() -> None:
    spec = load_spec(find_spec("demo"))
    tuner = Tuner(open_store(spec.store), spec, History(":memory:"))
    app = AppState(tuner, Jobs(inline=True))
    view = KnowledgeView(app)
    app.selection.class_name = "bicycle"
    first = view.panels.shift["suspects"][0]
    assert "on tune" in first["reason"]
    app.tuning.toggle(Balance("bicycle", (first["concept"],), suspects=True))
    gain = app.tuning.preview.of("bicycle", "ap")
    told = view.panels.shift["suspects"][0]["reason"]
    assert f"reweighting by it changes AP by +{100 * gain.estimate:.1f} points [" in told
    app.tuning.clear()
    assert view.panels.shift["suspects"][0]["reason"] == told  # it stays known
