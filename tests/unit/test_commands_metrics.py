"""Metrics, stability and logits as commands, and the functions of a tuner behind them."""

import io
import itertools
import json

import numpy as np
import pandas as pd
import pytest
from factory import small_arrays, small_spec
from frames import single_frames
from intervals import change_interval

import inficond_panel
from inficond_panel import from_frames
from inficond_panel.common.interval import Interval
from inficond_panel.distill import SliceResult, class_metrics, solve
from inficond_panel.errors import DataError, TuningError
from inficond_panel.results.groups import groups, groups_by_label
from inficond_panel.results.metric_changes import changes
from inficond_panel.results.metrics import metrics
from inficond_panel.results.sensitivity import stability
from inficond_panel.results.slices import (
    measure_slices,
    metadata_slices,
    selection_slice,
    slices,
    worst_slice_sentence,
)
from inficond_panel.results.what_if_curves import refit_curve
from inficond_panel.store import open_store
from inficond_panel.tuning import Intent, Tuner, open_tuner
from inficond_panel.vocabulary.metrics import METRICS

pytestmark = pytest.mark.commands


def placed_arrays() -> dict[str, np.ndarray]:
    """Arrays with metadata: place, which hurts bicycles in the south, and hour."""
    arrays = small_arrays(images=400)
    rng = np.random.default_rng(0)
    place = np.where(np.arange(400) % 5 < 2, "south", "north")
    hour = rng.choice(["day", "night", ""], 400)
    hurt = (place == "south") & (rng.random(400) < 0.5)
    label = arrays["label"].copy()
    label[hurt, 0] = np.where(label[hurt, 0] >= 0, 1 - label[hurt, 0], -1)
    texts = np.stack([place, hour], axis=1)
    more = {"label": label, "metadata": texts, "metadata_column": np.array(["place", "hour"])}
    return {**arrays, **more}


@pytest.fixture
def tuner(tmp_path):
    return open_tuner(small_spec(tmp_path, make=placed_arrays))


def tuned(tuner: Tuner):
    return tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove", None)])


def test_a_row_has_the_metrics_and_their_paired_changes(tuner):
    first = tuned(tuner)
    node = tuner.fine_tune(first, [Intent("bicycle", "sky", "up", 2.0)])
    found = metrics(tuner, node, "tune", draws=20)
    assert set(found.index) == set(tuner.store.classes)
    assert found["ap_gap"].is_monotonic_decreasing
    here = tuner.metrics(node, "tune")
    for before in (first, tuner.root()):
        since = changes(tuner, before, node, "tune", metrics=tuple(METRICS), draws=20)
        was = tuner.metrics(before, "tune")
        for name, row in found.iterrows():
            assert (row["images"], row["positives"]) == (here[name].n, here[name].positives)
            change = since.loc[name].set_index("metric")["change"]
            for metric in METRICS:
                now = getattr(here[name], metric)
                assert row[metric] == pytest.approx(now, nan_ok=True)
                expected = now - getattr(was[name], metric)
                assert change[metric] == pytest.approx(expected, nan_ok=True, abs=1e-12)
        assert set(since.loc["bird", "words"]) == {"unchanged"}


def test_slices_are_the_values_of_a_column(tuner):
    store, rows = tuner.store, tuner.store.rows("tune")
    masks = metadata_slices(store, "tune", ["place"])
    assert list(masks) == ["north", "south"]
    assert (masks["south"] == [store.column("place")[i] == "south" for i in rows]).all()


def test_slices_of_two_columns_are_their_pairs(tuner):
    store = tuner.store
    both = metadata_slices(store, "tune", ["place", "hour"])
    hours = ("(none)", "day", "night")
    assert list(both) == [f"{at} · {hour}" for at in ("north", "south") for hour in hours]


def test_a_selection_is_a_slice_of_the_images_in_a_file(tuner, tmp_path):
    store, rows = tuner.store, tuner.store.rows("tune")
    ids = [store.images[i] for i in rows[:40]]
    file = tmp_path / "odd ones.csv"
    file.write_text("image_id,why\n" + "\n".join(f"{name},x" for name in ids) + "\n\n")
    ((name, mask),) = selection_slice(store, "tune", file).items()
    assert name == "odd ones"
    assert np.flatnonzero(mask).tolist() == list(range(40))


def test_the_slice_that_is_hurt_is_the_worst(tuner):
    store, rows = tuner.store, tuner.store.rows("tune")
    masks = metadata_slices(store, "tune", ["place"])
    found = measure_slices(tuner, tuner.root(), "tune", masks, "accuracy")
    worst = found["bicycle"].worst
    assert worst.name == "south"
    assert worst.p_holm < 0.05
    south = rows[masks["south"]]
    label, teacher = store.label[south, 0], store.teacher_logit[south, 0]
    truth = class_metrics(label, tuner.logits(tuner.root())[south, 0], teacher)
    assert worst.metrics["fidelity"] == pytest.approx(truth.fidelity)
    assert worst.interval.estimate == pytest.approx(truth.accuracy)
    assert found["bicycle"].tests == 2 * len(store.classes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nobody\n", r"ids.txt:1: the selection names 1 image .* 'nobody'"),
        ("image_id\n000002\n00002\n", r"ids.txt:3: .*'00002'"),
        ("\n", r"ids.txt:1: the selection is empty"),
        ("000000\n", r"None of the images .* is in the split tune"),
    ],
    ids=["unknown", "unknown later", "empty", "other split"],
)
def test_a_selection_that_names_no_image_is_refused(store, tmp_path, text, message):
    (tmp_path / "ids.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        selection_slice(store, "tune", tmp_path / "ids.txt")


def cell_truth(tuner, k, cell):
    """Images of a class in one place with one label, and the share that is decided as labelled."""
    side, place = cell.split(" · ")
    store, rows = tuner.store, tuner.store.rows("tune")
    there = np.array([store.column("place")[i] == place for i in rows])
    chosen = there & (store.label[rows, k] == (side == "present"))
    right = (tuner.logits(tuner.root())[rows, k] > 0) == (side == "present")
    return int(chosen.sum()), right[chosen].mean()


@pytest.fixture
def by_place(tuner) -> tuple:
    """What groups by place are measured of."""
    return tuner, tuner.root(), "tune", metadata_slices(tuner.store, "tune", ["place"]), "place"


def test_groups_by_label_are_cells(tuner, by_place):
    cells = groups_by_label(*by_place, draws=50, min_images=5)
    for k, name in enumerate(tuner.store.classes):
        shares = cells.loc[name, "accuracy"].to_dict()
        assert len(shares) == 4
        for cell, share in shares.items():
            found = cells.loc[(name, cell), "images"], share
            assert found == pytest.approx(cell_truth(tuner, k, cell))


def test_one_table_names_the_worst_cell_of_label_and_group(tuner, run):
    _, out, _ = run("metrics", tuner.spec.path, "--by", "place", "--json")
    tables = {key: each["rows"] for key, each in json.loads(out).items()}
    of_cells = {
        key
        for key, rows in tables.items()
        if any(" · " in str(row.get("worst", "")) for row in rows)
    }
    assert of_cells == {"worst_groups"}


def test_groups_have_all_metrics_with_the_gap_between_them(by_place):
    parts, gaps = groups(*by_place, draws=50, min_images=5)
    assert set(METRICS) < set(parts.columns)
    gap = gaps.loc[("bicycle", "accuracy")]
    assert (gap["worst"], gap["best"]) == ("south", "north")
    assert gap["difference_low"] > 0


def test_a_class_groups_the_images_of_others(tuner):
    students = inficond_panel.open_students(tuner.spec.path).fit()
    of_class = students.groups("bird", by_label=True).loc["bicycle"]
    assert {"present · with bird", "absent · with bird"} <= set(of_class.index)


def test_a_column_that_there_is_not_is_refused_in_python_before_a_look(tuner):
    students = inficond_panel.open_students(tuner.spec.path).fit()
    with pytest.raises(DataError, match="no metadata column 'camera'"):
        students.groups("camera", split="holdout")
    assert students.tuner.looks() == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--by", "camera"], "no metadata column 'camera'; available: 'place', 'hour'"),
        (["--class", "bycicle"], "Did you mean 'bicycle'?"),
        (["--selection", "nowhere.txt"], "There is no file nowhere.txt."),
        (["--node", "77"], "no iteration '77'"),
    ],
    ids=["column", "class", "selection", "iteration"],
)
def test_faults_are_told_before_a_look(tuner, run, flags, message):
    status, out, err = run("metrics", tuner.spec.path, "--split", "holdout", *flags)
    assert (status, out) == (1, "")
    assert message in err
    assert tuner.looks() == 0


def test_groups_on_the_holdout_are_one_look(tuner):
    students = inficond_panel.open_students(tuner.spec.path).fit()
    students.group_gaps("place", "hour", split="holdout")
    assert students.tuner.looks() == 1


def test_undefined_is_null_and_said(run, tmp_path):
    arrays = small_arrays(images=40)
    arrays["label"][arrays["split"] == "tune", 0] = 0
    spec = small_spec(tmp_path, make=lambda: arrays)
    status, out, _ = run("metrics", spec, "--json", "--draws", 5)
    assert status == 0
    row = {row["class"]: row for row in json.loads(out)["classes"]["rows"]}["bicycle"]
    assert [row["ap"], row["ap_low"], row["ap_high"]] == [None] * 3
    _, out, _ = run("metrics", spec, "--draws", 5)
    assert "Undefined for 'bicycle' (0 positives among" in out


@pytest.fixture
def stable(tuner) -> tuple[pd.DataFrame, list[float]]:
    """Stability of the three strongest concepts, and the progress that was told."""
    told = []
    given = {"top": 3, "draws": 8}
    found = stability(tuner, "bicycle", **given, progress=lambda share, _: told.append(share))
    return found, told


def test_stability_is_of_the_strongest_concepts(tuner, stable):
    found, _ = stable
    weights = tuner.root().weights[:, 0]
    order = np.argsort(-np.abs(weights), kind="stable")[:3]
    assert list(found.index) == [tuner.store.concepts[c] for c in order]
    assert list(found["rank"]) == [1, 2, 3]
    assert list(found["influence"]) == weights[order].tolist()


def test_progress_of_stability_grows_to_one(stable):
    _, told = stable
    assert told == sorted(told)
    assert told[-1] == 1


def test_stability_is_repeatable(tuner, stable):
    found, _ = stable
    pd.testing.assert_frame_equal(stability(tuner, "bicycle", top=3, draws=8), found)


def test_an_influence_is_stable_with_one_sign_in_19_of_20_refits(tuner):
    found = stability(tuner, "bicycle", top=40, draws=20)
    some = found["influence"] != 0
    holds = np.where(found["same_sign"] >= 0.95, "stable", "not stable")
    expected = np.where(some, np.char.add(holds, " over other images"), "no influence")
    assert found["words"].tolist() == expected.tolist()


def test_refits_of_stability_hold_active_bounds(tuner):
    node = tuned(tuner)
    row = stability(tuner, "bicycle", node=node, concepts=["wheel"], draws=4).loc["wheel"]
    assert row["bounded"]
    assert row["influence"] == row["influence_low"] == row["influence_high"] == 0
    assert row["selected"] == 0
    assert row["words"] == "no influence"


def test_stability_of_an_unknown_class_is_refused(tuner):
    with pytest.raises(TuningError, match="Did you mean 'bicycle'"):
        stability(tuner, "bicycel")


def test_stability_of_an_unknown_concept_is_refused(tuner):
    with pytest.raises(TuningError, match="no concept 'whel'"):
        stability(tuner, "bicycle", concepts=["whel"])


def test_the_refit_curve_measures_students_solved_from_nothing(tuner):
    node, store = tuner.root(), tuner.store
    curve = refit_curve(tuner, tuner.at(node, "tune")["bird"], "wheel", levels=2)
    points = list(itertools.islice(curve, 4))
    c, k, rows = store.concepts.index("wheel"), store.classes.index("bird"), store.rows("tune")
    assert points[0].influence == node.weights[c, k]
    assert points[0].metrics.ap == pytest.approx(tuner.metrics(node, "tune")["bird"].ap, abs=0.01)
    for point in points:
        lower, upper = np.full((30, 1), -np.inf), np.full((30, 1), np.inf)
        lower[c] = upper[c] = point.influence
        problem = tuner.fit_data.problem([k])
        alone = solve(problem.within(lower, upper), tolerance=1e-8)
        logit = store.concept_score[rows] @ alone.weights[:, 0] + alone.intercepts[0]
        truth = class_metrics(store.label[rows, k], logit, store.teacher_logit[rows, k])
        assert point.metrics.ap == pytest.approx(truth.ap, abs=0.02)
        assert point.metrics.logit_correlation == pytest.approx(truth.logit_correlation, abs=1e-3)
        logit = store.concept_score[rows] @ point.fit.weights[:, 0] + point.fit.intercepts[0]
        now = tuner.logits(node)[rows, k]
        label, teacher = store.label[rows, k], store.teacher_logit[rows, k]
        for metric, change in point.changes.items():
            assert change == change_interval(label, now, logit, metric=metric, teacher=teacher)


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), dtype={"image_id": str}).set_index("image_id")


def test_the_csv_gives_back_every_digit_and_further_classes_of_a_softmax(run, spec_file, tmp_path):
    store = open_store(spec_file.with_suffix(".zarr"))
    frame = read(run("logits", spec_file, "--csv")[1])
    assert frame.columns.tolist() == store.classes
    assert frame.index.tolist() == list(map(str, store.images))
    np.testing.assert_array_equal(frame.to_numpy(store.teacher_logit.dtype), store.teacher_logit)
    status, out, _ = run("logits", spec_file)
    lines = out.splitlines()
    assert (status, len(lines)) == (0, 2 + len(store.images))
    assert lines[2].split()[-1] == f"{store.teacher_logit[0, -1]:.3f}"
    # without them the softmax of the table would be another one
    frames, path = single_frames(others=2), tmp_path / "own.zarr"
    from_frames(**frames, path=path)
    found = read(run("logits", path, "--csv")[1])
    assert len(found.columns) == len(frames["labels"].columns) + 2
    expected = frames["logits"].loc[found.index, found.columns]
    np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))


def test_a_note_on_slices_has_the_fewest_and_the_most_draws(tuner):
    masks = metadata_slices(tuner.store, "tune", ["place"])
    frame = slices(tuner, tuner.root(), "tune", masks, "accuracy")
    fewest, most = frame["p_draws"].min(), frame["p_draws"].max()
    assert fewest < most
    told = [note for note in frame.attrs["notes"] if note.startswith("p is estimated by ")]
    assert [note.split(" random draws")[0] for note in told] == [
        f"p is estimated by {fewest:,} to {most:,}"
    ]
    assert (frame["p_holm_low"] <= frame["p_holm"]).all()
    assert (frame["p_holm"] <= frame["p_holm_high"]).all()


@pytest.mark.parametrize(("low", "told"), [(0.042, True), (0.051, False)])
def test_a_verdict_on_a_slice_says_whether_the_draws_leave_it_open(low, told):
    value = Interval(0.4, 0.2, 0.6)
    limits = {"p_holm": 0.053, "p_holm_limits": (low, 0.061), "draws": 50_000}
    result = SliceResult("north", 90, 20, {}, value, 0.7, "", expected=0.6, **limits)
    sentence = worst_slice_sentence("bird", result, "AP")
    words = "p (Holm) 0.053: within noise, though 50,000 random draws leave it open [0.042, 0.061]."
    assert sentence.endswith(words if told else "p (Holm) 0.053: within noise.")
