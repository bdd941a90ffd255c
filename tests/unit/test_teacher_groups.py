"""Groups of images in which the teacher is worse: found where one is, and rarely by chance."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score

import inficond_panel
from inficond_panel.distill import Outcome
from inficond_panel.results.teacher_groups import swapped_labels, worse_groups_of_teacher
from inficond_panel.results.worse_groups import expected_of_others
from inficond_panel.vocabulary.confidence import USUAL_NOISE
from inficond_panel.wording.groups import TEACHER_GROUP_WORDS

SITES, CAMERAS = ("A", "B", "C"), ("1", "2", "3", "4")


class Asked(SimpleNamespace):
    """A tuner of which only the teacher on tune, and columns of metadata, are asked."""

    __hash__ = object.__hash__

    def images(self, split):
        return np.arange(len(self.columns["site"]))

    def teacher_outcomes(self, split):
        return self.outcomes


def drawn(seed, *, bad="", images=400, classes=3):
    """Teacher's logits of labels whose share depends on the site; noise at the site ``bad``."""
    rng = np.random.default_rng(seed)
    site, camera = rng.choice(SITES, images), rng.choice(CAMERAS, images)
    outcomes = {}
    for k in range(classes):
        label = (rng.random(images) < np.where(site == "A", 0.5, 0.3)).astype(np.int8)
        logit = 1.5 * label + rng.normal(size=images) + np.where(site == "C", 2.0, 0.0)
        logit[site == bad] = rng.normal(size=(site == bad).sum())
        outcomes[f"class {k}"] = Outcome(label, logit)
    columns = {"site": list(site), "camera": list(camera)}
    arrays = {
        "label": np.column_stack([each.label for each in outcomes.values()]),
        "teacher_log_odds": np.column_stack([each.logit for each in outcomes.values()]),
    }
    facts = {"metadata_columns": list(columns), "task": "multi_label", "classes": list(outcomes)}
    store = SimpleNamespace(column=columns.__getitem__, **facts, **arrays)
    noise = {**USUAL_NOISE, "draws": 200}
    spec = SimpleNamespace(views=SimpleNamespace(noise=lambda: noise))
    return Asked(columns=columns, store=store, spec=spec, outcomes=outcomes)


def found(tuner):
    return worse_groups_of_teacher(tuner, tuple(tuner.outcomes))


def test_a_site_of_noise_is_found_and_no_camera():
    groups = found(drawn(0, bad="B"))
    assert {(each.column, each.group) for each in groups} == {("site", "B")}
    assert [each.class_name for each in groups] != []


def test_figures_are_those_of_the_group():
    tuner = drawn(0, bad="B")
    first, here = found(tuner)[0], np.array(tuner.columns["site"]) == "B"
    outcome = tuner.outcomes[first.class_name]
    assert (first.images, first.positives) == (here.sum(), outcome.label[here].sum())
    ap = average_precision_score(outcome.label[here], outcome.logit[here])
    assert first.ap.estimate == pytest.approx(ap)
    assert first.ap.high < first.expected


def test_equal_sites_are_rarely_called_worse():
    """Sites differ in the share of the class, and in the level of the logits: no difference in
    ranking within. At most 5 % of stores have a finding; more than 6 of 50 is p < 0.02."""
    assert sum(bool(found(drawn(seed))) for seed in range(1, 51)) <= 6


def test_a_teacher_that_knows_the_right_probabilities_is_not_called_worse():
    """The class goes with the site: inside a site the site tells nothing, and AP is lower."""

    def knowing(seed):
        tuner = drawn(seed, images=800)
        site, rng = np.array(tuner.columns["site"]), np.random.default_rng(seed)
        logit = np.where(site == "A", 1.5, -2.0) + 0.8 * rng.normal(size=800)
        label = (rng.random(800) < expit(logit)).astype(np.int8)
        tuner.outcomes = {"claim": Outcome(label, logit)}
        return tuner

    assert sum(bool(found(knowing(seed))) for seed in range(1, 31)) <= 4


def test_a_column_with_a_value_per_image_divides_nothing():
    tuner = drawn(0, bad="B")
    tuner.columns["site"] = [f"patient {at}" for at in range(400)]
    assert found(tuner) == ()


@pytest.mark.slow
def test_the_doctor_names_the_group_with_counts_and_what_helps(tmp_path):
    rng = np.random.default_rng(0)
    ids = [f"{at:04d}" for at in range(1200)]
    site = rng.choice(SITES, 1200)
    scores = pd.DataFrame(rng.normal(size=(1200, 3)), index=ids, columns=["age", "dose", "visits"])
    label = (scores["age"] + rng.normal(size=1200) > 0.5).astype(int)
    logits = (2 * scores["age"] - 1).where(site != "B", rng.normal(size=1200))
    students = inficond_panel.from_frames(
        scores,
        logits.to_frame("ward"),
        label.to_frame("ward"),
        split=pd.Series(np.repeat(["fit", "tune", "holdout"], [700, 400, 100]), ids),
        metadata=pd.DataFrame({"site": site}, index=ids),
        path=tmp_path / "own.zarr",
    )
    findings = students.fit().doctor()["findings"]
    told = findings[findings["kind"] == TEACHER_GROUP_WORDS].loc["ward"]
    here = (site == "B")[700:1100]
    counts = f"({here.sum()} tuning rows, {label.to_numpy()[700:1100][here].sum()} of them show it)"
    assert "in “site: B”" in told["finding"]
    assert counts in told["finding"]
    assert "`students.suggest()` compares" in told["remedy"]


def test_the_expected_ap_is_that_of_other_images():
    """Random sets of the images outside the group, by scikit-learn."""
    rng = np.random.default_rng(0)
    label = np.r_[np.ones(60), np.zeros(240)].astype(int)
    logit = 2.0 * label + rng.normal(size=300)
    inside = rng.random(300) < 0.4
    logit[inside] = rng.normal(size=inside.sum())
    outcome = Outcome(label, logit)
    found = expected_of_others(outcome, inside, 0)
    counts = [int((inside & (label == side)).sum()) for side in (1, 0)]
    others = [logit[~inside & (label == side)] for side in (1, 0)]
    drawn = [
        np.concatenate([rng.choice(each, n) for each, n in zip(others, counts, strict=True)])
        for _ in range(2000)
    ]
    truth = np.repeat([1, 0], counts)
    expected = np.mean([average_precision_score(truth, each) for each in drawn])
    assert found == pytest.approx(expected, abs=0.01)


def test_labels_that_a_group_exchanges_are_told_where_images_have_several_classes():
    """At site B the labels of two classes are swapped; the third is as it is."""
    tuner = drawn(0, images=900)
    label = tuner.store.label
    logit = tuner.store.teacher_log_odds + 3 * label
    here = np.array(tuner.columns["site"]) == "B"
    label[here] = label[here][:, [1, 0, 2]]
    tuner.store.teacher_log_odds = logit
    found = swapped_labels(tuner, "class 0", here)
    alone = (label[here, 0] == 1) & (label[here, 1] == 0)
    taken = int((logit[here, 1] > logit[here, 0])[alone].sum())
    assert (found.other, found.taken) == ("class 1", (taken, alone.sum()))
