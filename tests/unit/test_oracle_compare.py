"""Targets of an oracle: compared by command and script, and chosen on the page."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import zarr
from factory import ATTRS, SPEC, oracle_spec, small_arrays, small_spec, spec_text
from scipy.special import expit
from waiting import in_loop, until

from inficond_panel import distill, open_students
from inficond_panel.app import Explorer
from inficond_panel.cli import main
from inficond_panel.errors import StoreFormatError, TuningError
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.model_card import model_card
from inficond_panel.results.distillations import DistillationSetting, compare_settings, setting_grid
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import open_store, write_store
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.views.configuration.view import ConfigurationView

pytestmark = [pytest.mark.commands, pytest.mark.page]

SEEN, TARGETS = "has seen the label", ["teacher", "oracle"]


@pytest.fixture
def both(tmp_path):
    """A spec whose store holds the oracle's logits on fit, with a title to escape."""
    return oracle_spec(tmp_path, title="<b>Small</b>", classes=3)


def test_the_grid_is_all_combinations_with_targets_side_by_side():
    grid = setting_grid(TARGETS, [None, 1.0], [1.0, 2.0], [0.1])
    rest = {"alpha": None, "temperature": 1.0, "lambda_": 0.1, "tempered": "teacher"}
    assert [vars(each) for each in grid[:2]] == [{"targets": n, **rest} for n in TARGETS]
    assert len(grid) == 8
    assert grid[2].temperature == 2.0
    assert grid[4].alpha == 1.0


def test_a_setting_is_named_with_its_targets():
    grid = setting_grid(TARGETS, [None, 1.0], [1.0, 2.0], [0.1])
    assert grid[1].words == f"oracle ({SEEN}), T 1, lambda 0.1"
    assert grid[7].words == f"oracle ({SEEN}), alpha 1, T 2, lambda 0.1"
    assert (
        DistillationSetting("teacher", 0.0, 1.0, 0.1).words
        == "labels alone, alpha 0, T 1, lambda 0.1"
    )


def test_both_are_tempered_where_temperature_matters():
    both = setting_grid(["teacher"], [None], [1.0, 2.0], [0.1], ["teacher", "both"])
    found = [(each.temperature, each.tempered) for each in both]
    assert found == [(1.0, "teacher"), (2.0, "teacher"), (2.0, "both")]


def test_labels_alone_give_one_student_per_penalty():
    labels = setting_grid(TARGETS, [0.0], [1.0, 2.0], [0.1, 0.2])  # one student a penalty
    assert labels == [
        DistillationSetting("teacher", 0.0, 1.0, 0.1),
        DistillationSetting("teacher", 0.0, 1.0, 0.2),
    ]


def test_students_minimise_the_loss_of_their_setting(both):
    tuner = open_tuner(both)
    store, rows = tuner.store, tuner.store.rows("fit")
    known = (store.label[rows] >= 0).all(axis=0)
    setting = DistillationSetting("oracle", 2.0, 3.0, 0.01)
    node = tuner.with_students(**vars(setting)).original()
    found = compare_settings(tuner, [setting], draws=5)["students"].iloc[0]
    assert found["weights_hash"] == node.weights_hash
    for k in np.flatnonzero(known):
        soft = expit(store.oracle_logit[rows, k].astype(float) / 3)
        target = (store.label[rows, k] + 2 * soft) / 3
        expected = distill.fit(store.concept_score[rows], target[:, None], l1=0.01 / 3)
        np.testing.assert_allclose(node.weights[:, k], expected.weights[:, 0], atol=1e-3)


def test_the_document_holds_everything_and_without_scikit_learn_the_rest(both, run, monkeypatch):
    _, out, _ = run("compare", both, "--temperature", "1,2", "--draws", "10", "--json")
    found = json.loads(out)
    students = found["students"]["rows"][:-1]
    assert [s["targets"] for s in students] == ["teacher", "oracle"] * 2
    assert found["outputs"]["oracle"] == SEEN
    bins = pd.DataFrame(found["reliability"]["rows"])
    pooled = bins[(bins["of"] == "oracle") & (bins["bins"] == "equal mass") & (bins["class"] == "")]
    store = open_tuner(both).store
    known = (store.label[store.rows("fit")] >= 0).sum()
    assert pooled["events"].sum() == known
    assert set(bins["class"]) == {"", *store.classes}
    measures = {row["measure"]: row for row in found["outputs"]["rows"]}
    assert measures["entropy"]["change_high"] < 0
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    status, out, err = run("compare", both, "--draws", "5")
    assert (status, "[sklearn]" in err, "silhouette" in out) == (0, True, False)
    assert "ECE, pooled" in out


def test_penalties_that_the_data_choose_are_compared_with_a_number(both, run):
    flags = ("--targets", "teacher", "--lambda", "auto,0.01", "--draws", "5", "--json")
    status, out, _ = run("compare", both, *flags)
    rows = json.loads(out)["students"]["rows"]
    tuner = open_tuner(both)
    expected = [
        tuner.with_students(lambda_=each).original().weights_hash for each in ("auto", 0.01)
    ]
    assert (status, [row["weights_hash"] for row in rows[:2]]) == (0, expected)


def test_a_store_without_an_oracle_compares_its_teacher_alone(tmp_path, run):
    spec = small_spec(tmp_path)
    status, out, err = run("compare", spec, "--draws", "5")
    assert (status, SEEN in out, "no oracle logits" in err) == (0, False, True)
    status, _, err = run("compare", spec, "--targets", "teacher,oracle")
    assert (status, "Traceback" in err) == (1, False)
    assert "has no oracle logits" in err
    assert "teacher.oracle" in err


def test_oracle_logits_of_another_shape_are_a_damaged_store(tmp_path):
    arrays = small_arrays()
    arrays["oracle_logit"] = arrays["teacher_logit"]
    write_store(tmp_path / "a.zarr", arrays, ATTRS)
    group = zarr.open_group(tmp_path / "a.zarr", mode="a")
    wrong, names = np.zeros((7, 4), np.float32), ("image", "class_name")
    group.create_array("oracle_logit", data=wrong, dimension_names=names, overwrite=True)
    with pytest.raises(StoreFormatError, match=r"oracle_logit|conflicting sizes") as told:
        open_store(tmp_path / "a.zarr")
    assert "inficond precompute" in told.value.remedy
    arrays["oracle_logit"] = wrong
    with pytest.raises(StoreFormatError, match="oracle_logit"):
        write_store(tmp_path / "b.zarr", arrays, ATTRS)


def test_values_out_of_range_and_settings_that_cannot_be_are_told(both, capsys):
    for flag, value, told in (
        ("--alpha", "-1", "expected none or a number, 0 or more, got '-1'"),
        ("--alpha", "none,inf", "got 'inf'"),
        ("--temperature", "0", "expected a number above 0, got '0'"),
        ("--temperature", "warm", "got 'warm'"),
        ("--lambda", "nan", "got 'nan'"),
        ("--targets", "teacher,pupil", "expected teacher or oracle, got 'pupil'"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["compare", str(both), f"{flag}={value}"])
        assert ended.value.code == 2
        assert told in capsys.readouterr().err
    tuner = open_tuner(both)
    for settings, told in (
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": np.inf}, "temperature must be a number > 0, got inf"),
        ({"alpha": -0.5}, "alpha"),
        ({"alpha": np.nan}, "alpha must be a number >= 0, got nan"),
        ({"lambda_": -1.0}, "lambda"),
        ({"targets": "pupil"}, "pupil"),
        ({"lambda": 1.0}, "'lambda' of students with solver: exact. Did you mean 'lambda_'"),
    ):
        with pytest.raises(TuningError, match=told):
            tuner.with_students(**settings)


@pytest.fixture
def of_both(both) -> tuple:
    """Students of the teacher, and of the oracle."""
    students = open_students(both, history=":memory:").fit()
    oracle = students.with_settings(targets="oracle").fit()
    return students, oracle


def test_students_of_the_oracle_say_so(of_both):
    students, oracle = of_both
    assert SEEN in repr(oracle)
    assert SEEN not in repr(students)
    assert oracle.node.weights_hash != students.node.weights_hash


def test_students_of_the_oracle_are_held_against_the_plain_teacher(of_both):
    students, oracle = of_both
    found = [each.metrics("tune")["teacher_ap"].sort_index() for each in (students, oracle)]
    np.testing.assert_array_equal(*found)  # both are held against the plain teacher


def test_the_card_of_students_of_the_oracle_says_so(of_both):
    students, oracle = of_both
    card = model_card(oracle.tuner, oracle.node)
    assert card["distillation"]["targets"] == "oracle"
    assert SEEN in card_markdown(card)
    assert SEEN not in card_markdown(model_card(students.tuner, students.node))


@pytest.fixture
def oracle_file(both):
    """A spec whose students have targets of the oracle."""
    sizes = "preprocessing: {size: [8, 8], mean: [0, 0, 0], std: [1, 1, 1]}"
    teacher = f"{{kind: torchscript, path: t.pt, oracle: {{}}, {sizes}}}"
    text = SPEC.replace("{kind: logits, path: logits.csv}", teacher)
    both.write_text(f"{text}students: {{targets: oracle, lambda: 1e-4}}\n")
    return both


@pytest.mark.parametrize("command", ["distill", "metrics"])
def test_commands_say_that_targets_are_of_the_oracle(oracle_file, run, command):
    assert f"(oracle, {SEEN})" in run(command, oracle_file)[1].splitlines()[0]


def test_the_history_says_that_targets_are_of_the_oracle(oracle_file, run):
    run("distill", oracle_file)
    assert SEEN in run("history", "list", oracle_file)[2]


def test_a_document_says_that_targets_are_of_the_oracle(oracle_file, run):
    assert json.loads(run("distill", oracle_file, "--json")[1])["mark"] == SEEN


def test_without_an_oracle_its_targets_cannot_be_chosen(tmp_path):
    without = AppState(open_tuner(small_spec(tmp_path / "plain")), Jobs(inline=True))
    assert ConfigurationView(without).data()["targets"] is None
    without.targets.choose("oracle")
    assert without.targets.tuner is None


@pytest.fixture
def chosen(tmp_path) -> tuple:
    """A session whose page chose the targets of the oracle, and their tuner."""
    app = AppState(open_tuner(oracle_spec(tmp_path)), Jobs(inline=True))
    view = ConfigurationView(app)
    assert view.data()["targets"]["value"] == "teacher"
    assert view.data()["mark"] == ""
    view.act({"action": "choose_targets", "name": "oracle"})
    tuner = app.targets.tuner
    return app, tuner


def test_the_oracles_students_have_a_root_of_their_own(chosen):
    app, tuner = chosen
    assert tuner.history is app.tuner.history
    assert tuner.root_id != app.tuner.root_id
    assert tuner.nodes()[0].number == 0
    assert app.tuner.nodes()[0].weights_hash != tuner.nodes()[0].weights_hash


def test_the_oracles_students_are_beside_the_plain_teacher(chosen):
    app, tuner = chosen
    other = AppState(tuner, Jobs(inline=True)).students
    for name, metrics in other.snapshot.metrics.items():  # all are beside the plain teacher
        teacher, student = app.students.student(name).teacher_logits, other.student(name)
        np.testing.assert_array_equal(student.teacher_logits, teacher)
        alike = (student.logits > 0) == (teacher > 0)
        assert metrics.fidelity == pytest.approx(alike.mean())
        assert metrics.teacher_ap == app.students.snapshot.metrics[name].teacher_ap


def test_an_oracle_that_cannot_be_used_is_told_and_nothing_is_lost(tmp_path):
    arrays = small_arrays()
    arrays["oracle_logit"] = np.full(arrays["teacher_logit"].shape, np.nan)
    write_store(tmp_path / "small.zarr", arrays, ATTRS)
    (tmp_path / "small.yaml").write_text(spec_text())
    app = AppState(open_tuner(tmp_path / "small.yaml"), Jobs(inline=True))
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    app.targets.choose("oracle")
    shown = ConfigurationView(app).data()
    assert "NaN or infinite" in shown["targets"]["error"]
    assert "gamma" in shown["targets"]["error"]
    assert shown["targets"]["value"] == "teacher"
    assert not shown["busy"]
    assert app.targets.tuner is None
    assert len(app.tuning.pending) == 1


@in_loop
async def test_the_page_goes_on_with_class_and_batch_and_comes_back(tmp_path):
    explorer = Explorer([oracle_spec(tmp_path)])
    await until(lambda: explorer.app is not None)
    first = explorer.app
    first.selection.class_name = "sheep"
    first.tuning.toggle(Intent("sheep", "wheel", "up"))
    first.targets.choose("oracle")
    await until(lambda: explorer.app is not first)
    second = explorer.app
    assert second.targets.chosen == "oracle"
    assert second.selection.class_name == "sheep"
    assert second.tuning.pending == first.tuning.pending
    second.targets.choose("teacher")
    await until(lambda: explorer.app is not second)
    assert explorer.app.tuner.root_id == first.tuner.root_id
    await until(lambda: not explorer.jobs.busy)
    explorer.close()
