"""One class an image: labels, stores, specs, what the students learn, and all as one classifier."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from frames import SINGLE as CLASSES
from frames import frames, single_frames
from precompute_factory import write_table
from scipy.special import expit, softmax
from sklearn.metrics import accuracy_score, confusion_matrix, top_k_accuracy_score
from test_init import home, init, photos  # noqa: F401 - a fixture

from inficond_panel import from_frames
from inficond_panel.cli import main
from inficond_panel.errors import DataError, SpecError, StoreFormatError, TuningError
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.model_card import model_card
from inficond_panel.results.confusions import confusions, metrics_together
from inficond_panel.results.frame import text_table
from inficond_panel.results.refits import students as students_frame
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store, write_store
from inficond_panel.store.checks import class_positions, is_single_label, single_label_fault
from inficond_panel.store.schema import ARRAYS
from inficond_panel.tuning import Intent

pytestmark = pytest.mark.commands


def test_labels_with_one_class_an_image():
    one = np.array([[1, 0, 0], [0, 0, 1], [-1, -1, -1], [1, -1, 0]])
    assert is_single_label(one)
    assert class_positions(one).tolist() == [0, 2, -1, 0]
    assert single_label_fault(one, list("abcd"), CLASSES) == ""
    wrong = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, -1, 0]])
    assert not is_single_label(wrong)
    told = "but 1 of 4 images have several classes: 'b'; 2 of 4 images have no class: 'c', 'd'."
    assert single_label_fault(wrong, list("abcd"), CLASSES).endswith(told)
    assert not is_single_label(np.array([[1], [0]]))
    assert "two classes or more" in single_label_fault(np.array([[1]]), ["a"], ["cat"])
    assert not is_single_label(np.full((2, 2), -1))


def tables_of(folder, given):
    """Arguments of ``inficond init`` for frames, written as tables."""
    for name in ("scores", "logits", "labels", "split"):
        frame = given[name].to_frame("split") if name == "split" else given[name]
        frame.rename_axis("image_id").to_csv(folder / f"{name}.csv")
    tables = [str(folder / f"{name}.csv") for name in ("scores", "logits", "labels")]
    return [*tables, "--splits", str(folder / "split.csv"), "--output"]


def test_the_task_of_tables_is_found(tmp_path, capsys):
    tables = tables_of(tmp_path, single_frames())
    assert main(["init", *tables, str(tmp_path / "own.zarr")]) == 0
    said = "single_label (one class per row); the teacher ends in a softmax over 5 classes"
    assert said in capsys.readouterr().out
    assert main(["info", str(tmp_path / "own.zarr")]) == 0
    assert re.search(f"task +{re.escape(said)}", capsys.readouterr().out)


def test_frames_that_say_their_task_are_not_asked_for_it(tmp_path, capsys):
    given = single_frames(others=0)
    from_frames(**given, path=tmp_path / "one.zarr")
    assert "exactly one class" not in capsys.readouterr().err


def test_frames_of_one_class_per_image_are_told_so(tmp_path, capsys):
    given = single_frames(others=0)
    several = {"task": "multi_label", "activation": "sigmoid"}
    from_frames(**{**given, **several}, path=tmp_path / "o.zarr")
    assert "120 of 120 labelled images have exactly one class" in capsys.readouterr().err


def test_the_note_on_frames_of_one_class_per_image_says_what_to_pass(tmp_path, capsys):
    given = single_frames(others=0)
    from_frames(**{**given, "task": "multi_label", "activation": "sigmoid"})
    assert 'pass task="single_label" and activation="softmax"' in capsys.readouterr().err


@pytest.fixture
def nearly_single(tmp_path) -> list[str]:
    """Arguments for tables where one image has all classes."""
    given = single_frames(others=0)
    given["labels"].iloc[5] = 1
    return tables_of(tmp_path, given)


def test_tables_of_nearly_one_class_per_image_are_told_so(nearly_single, tmp_path, capsys):
    tables = nearly_single
    assert main(["init", *tables, str(tmp_path / "t.zarr")]) == 0
    assert "119 of 120 labelled rows have exactly one class" in capsys.readouterr().out


def test_tables_whose_task_is_said_are_not_asked_for_it(nearly_single, tmp_path, capsys):
    tables = nearly_single
    assert main(["init", *tables, str(tmp_path / "u.zarr"), "--task", "multi_label"]) == 0
    assert "exactly one class" not in capsys.readouterr().out


def test_a_folder_of_nearly_one_class_per_image_is_told_so(capsys, home):  # noqa: F811
    ids = [f"{i:03d}" for i in range(40)]
    photos(home / "data", [f"pictures/{name}.jpg" for name in ids])
    labels = np.eye(2, dtype=int)[np.arange(40) % 2]
    labels[5] = 1
    write_table(home / "data" / "labels.csv", ids, labels, ["cat", "dog"])
    assert "39 of 40 labelled images" in init(capsys, "data")[1]


def test_frames_of_a_softmax_teacher_and_a_store_whose_labels_do_not_go_with_its_task(tmp_path):
    given = single_frames()
    students = from_frames(**given, path=tmp_path / "own.zarr")
    store = open_store(tmp_path / "own.zarr")
    assert (store.task, store.activation) == ("single_label", "softmax")
    assert [str(name) for name in store.read("other_class")] == ["other 0", "other 1"]
    rows, z = store.rows("fit"), given["logits"].to_numpy()
    expected = softmax(z / 2, axis=1)[rows, :3]
    warm = students.tuner.with_students(temperature=2.0)
    np.testing.assert_allclose(warm.fit_data.targets.values, expected, atol=1e-6)
    # present where the probability is above one half, for the teacher as for the students
    node = students.fit().node
    teacher = students.tuner.at(node, "tune")["cat"].teacher_logits
    p = softmax(z, axis=1)[store.rows("tune"), 1]
    np.testing.assert_allclose(teacher, np.log(p / (1 - p)), atol=1e-4)
    np.testing.assert_array_equal(students.to_xarray("tune").teacher_logit[:, 1], teacher)
    # as another program may write it: the hashes are those of its arrays
    arrays = {n: store.dataset[n].to_numpy() for n in ARRAYS if store.has(n)}
    arrays["label"] = arrays["label"].copy()
    arrays["label"][4] = 1
    write_store(tmp_path / "forged.zarr", arrays, dict(store.attrs))
    several = "The task is single_label, but 1 of .* images have several classes"
    with pytest.raises(StoreFormatError, match=several):
        open_store(tmp_path / "forged.zarr")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"task": "single"}, "task is 'single', expected one of 'multi_label', 'single_label'"),
        ({"activation": "relu"}, "activation is 'relu'"),
        ({"outputs": "odds"}, "outputs is 'odds'"),
        ({"task": "multi_label"}, 'a softmax needs one class per row: set task="single_label"'),
        ({"activation": "sigmoid"}, "labels has no column for the class 'other 0' of logits"),
    ],
)
def test_frames_that_do_not_go_together_are_told(tmp_path, change, fault):
    with pytest.raises(DataError, match=fault):
        from_frames(**{**single_frames(), **change}, path=tmp_path / "own.zarr")
    assert not (tmp_path / "own.zarr").exists()


@pytest.mark.parametrize("own", [[1, 1, np.nan], [0, 0, 0], [0, 0, np.nan], [0, np.nan, 0]])
def test_a_row_with_two_classes_or_none_makes_no_store(tmp_path, own):
    given = single_frames()
    given["labels"] = given["labels"].astype(float)
    given["labels"].iloc[7] = own
    what = "several classes" if own[:2] == [1, 1] else "no class"
    with pytest.raises(DataError, match=f"1 of 120 rows have {what}: '007'"):
        from_frames(**given, path=tmp_path / "own.zarr")
    assert not list(tmp_path.iterdir())


def test_frames_of_probabilities_give_the_same_students(tmp_path):
    def made(name, **given):
        return from_frames(**given, path=tmp_path / name)

    given = single_frames()
    by_logits = made("a.zarr", **given).fit().node.weights
    share = {**given, "logits": given["logits"] * 0 + softmax(given["logits"], axis=1)}
    with pytest.raises(DataError, match=r'(?s)probabilities: all .* pass outputs="probabilities"'):
        made("b.zarr", **share)
    students = made("b.zarr", **share, outputs="probabilities")
    np.testing.assert_allclose(students.fit().node.weights, by_logits, atol=1e-4)
    # their sums tell sigmoids; above 1 no class is missing
    sigmoids = {**given, "logits": 1 / (1 + np.exp(-given["logits"]))}
    with pytest.raises(DataError, match=r"in a softmax to 1: each class has its own sigmoid"):
        made("c.zarr", **sigmoids, outputs="probabilities")
    assert not (tmp_path / "c.zarr").exists()
    # a softmax's probability of a class is the sigmoid of its log-odds
    whole = {**single_frames(others=0), "outputs": "probabilities"}
    whole["logits"] = whole["logits"] * 0 + softmax(whole["logits"], axis=1)
    together, apart = (
        made(f"{kind}.zarr", **whole | {"activation": kind}).tuner.fit_data.targets.values
        for kind in ("softmax", "sigmoid")
    )
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_a_spec_tells_a_softmax_over_several_labels_and_a_task_without_an_activation(home, capsys):  # noqa: F811
    ids = [f"{name}/{i}" for name in CLASSES for i in range(10)]
    photos(home / "data", [f"{each}.jpg" for each in ids])
    write_table(home / "z.csv", ids, np.zeros((30, 3)) - 1, CLASSES)
    spec, _ = init(capsys, "data", "--teacher", "z.csv")
    text = spec.path.read_text()
    for old, new, fault in (
        ("task: single_label", "task: multi_label", "softmax needs one class per image"),
        ("  activation: softmax.*\n", "", "is needed with task: single_label"),
    ):
        spec.path.write_text(re.sub(old, new, text))
        with pytest.raises(SpecError, match=f"teacher.activation: {fault}"):
            load_spec(spec.path)


@pytest.fixture
def students(tmp_path):
    return from_frames(**single_frames(), path=tmp_path / "own.zarr").fit()


@pytest.fixture
def tuned(students) -> SimpleNamespace:
    """Students after a removal, with probabilities of students and teacher on tune."""
    students.tune([Intent("cat", "a", "remove")])
    store, rows, node = students.tuner.store, students.tuner.store.rows("tune"), students.node
    mine = expit(store.concept_score[rows] @ node.weights + node.intercepts)
    mine /= mine.sum(axis=1, keepdims=True)
    teacher = softmax(np.hstack([store.teacher_logit, store.other_logit])[rows], axis=1)[:, :3]
    label = store.label[rows].argmax(1)
    return SimpleNamespace(mine=mine, teacher=teacher, label=label)


@pytest.mark.parametrize("theirs", [False, True], ids=["students", "teacher"])
def test_the_matrix_is_that_of_scikit_learn(students, tuned, theirs):
    label, named = tuned.label, tuned.teacher if theirs else tuned.mine
    found = students.confusion("tune", teacher=theirs)
    assert list(found.index) == list(found.columns) == CLASSES
    matrix = confusion_matrix(label, named.argmax(1), labels=range(3))
    assert found.to_numpy().tolist() == matrix.tolist()  # labels in rows


def test_top_k_is_that_of_scikit_learn(students, tuned):
    label, mine = tuned.label, tuned.mine
    found = metrics_together(students.tuner, students.node, "tune", k=2, draws=20)
    k = top_k_accuracy_score(label, mine, k=2)
    assert found.loc["top_k", "students"] == pytest.approx(k)
    assert found.loc["top_k", "name"] == "top-2 accuracy"


def test_top_k_of_k_classes_has_no_row(students):
    assert len(CLASSES) == 3
    found = metrics_together(students.tuner, students.node, "tune", k=3, draws=20)
    assert "top_k" not in found.index
    assert "top1" in found.index


def test_changes_together_are_since_the_start(students, tuned):
    frame = students.metrics_together()
    assert "since_parent" not in frame  # the parent is the start
    assert text_table(frame)[0][-3:] == ["since the start", "95 %", ""]
    before = frame.loc["top1", "since_start"]
    after = students.metrics_together("tune").loc["top1", "students"]
    students.jump("0")
    start = students.metrics_together("tune").loc["top1", "students"]
    assert before == pytest.approx(after - start)


def test_a_comparison_begins_with_the_change_in_top1_accuracy(students):
    students.tune([Intent("cat", concept, "remove") for concept in students.concepts])
    tuner, rows = students.tuner, students.tuner.store.rows("tune")
    label = tuner.store.label[rows].argmax(1)
    was, now = (
        accuracy_score(label, tuner.logits(node, rows).argmax(1))
        for node in (tuner.root(), students.node)
    )
    frame = students.compare("0", "1")["changes"]
    assert now < was
    assert frame.attrs["facts"]["top1"]["estimate"] == pytest.approx(now - was)
    assert frame.attrs["notes"][0].startswith("Top-1 accuracy −")


def test_the_notes_after_a_refit_have_the_top1_accuracy(students, tuned):
    notes = students_frame(students.tuner, students.node, "tune").attrs["notes"]
    label = tuned.label
    mine, theirs = (accuracy_score(label, each.argmax(1)) for each in (tuned.mine, tuned.teacher))
    assert f"Top-1 accuracy {mine:.3f}, the teacher's {theirs:.3f}." in notes


def test_the_model_card_has_the_change_in_top1_accuracy(students, tuned):
    card = card_markdown(model_card(students.tuner, students.node))
    assert "| metric | students | teacher | change by tuning |" in card
    students.jump("0")
    card = card_markdown(model_card(students.tuner, students.node))
    assert "| metric | students | teacher |\n" in card


@pytest.mark.parametrize("column", ["images", "teacher_images"])
def test_pairs_of_classes_are_cells_of_the_matrix(students, tuned, column):
    label, named = tuned.label, tuned.mine if column == "images" else tuned.teacher
    pairs = confusions(students.tuner, students.tuner.nodes()[1], "tune")
    matrix = confusion_matrix(label, named.argmax(1), labels=range(3))
    cells = {(CLASSES[i], CLASSES[j]): n for (i, j), n in np.ndenumerate(matrix)}
    assert all(pairs[column].get(pair, 0) == n for pair, n in cells.items())


def test_the_command_shows_confusions(students, tuned, capsys):
    assert main(["metrics", str(students.tuner.store.path), "--confusion", "--draws", "20"]) == 0
    assert "tuning rows, confusions" in capsys.readouterr().out


def test_with_several_classes_an_image_there_is_no_top_one(tmp_path, capsys):
    students = from_frames(**frames(), path=tmp_path / "own.zarr").fit()
    with pytest.raises(TuningError, match="several classes: top-1"):
        students.metrics_together("tune")
    with pytest.raises(TuningError, match="top-1 is undefined"):
        students.confusion("holdout")
    assert students.tuner.looks() == 0
    assert main(["metrics", str(tmp_path / "own.zarr"), "--confusion"]) == 1
    assert "top-1 is undefined" in capsys.readouterr().err
