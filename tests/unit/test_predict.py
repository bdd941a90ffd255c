"""Students on new photos: the way of the store's photos again, and what is told."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from doors import hold_doors
from factory import small_spec
from PIL import Image
from precompute_factory import HEAD, SPEC, TABLE, TIMM, photo, photo_folder, write_table
from scipy.special import expit
from viewing import lines_of

from inficond_panel import open_students
from inficond_panel.commands.predict.outlined_photos import outlined
from inficond_panel.concepts.photo_scores import PhotoSegments
from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.export.predictions import rules_frame
from inficond_panel.spec import load_spec
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.opening import add_concept

pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.commands, pytest.mark.page]


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A folder with photos and the store that was made of them, its teacher a table."""
    folder = photo_folder(tmp_path_factory.mktemp("predict"))
    make(folder)
    return folder


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    return shutil.copytree(base, tmp_path / "own")


def make(folder: Path, teacher: str = TABLE, scores: str = "", spec: str = SPEC) -> None:
    import precompute

    text = spec.replace(TABLE, teacher).replace("  segments:", f"{scores}  segments:")
    (folder / "spec.yaml").write_text(text)
    precompute.run(load_spec(folder / "spec.yaml"), load_spec(folder / "spec.yaml").store)


def opened(folder: Path):
    return open_students(folder / "spec.yaml").fit()


def files_of(folder: Path, images: list[str]) -> list[Path]:
    return [folder / "photos" / "images" / f"{image}.jpg" for image in images]


def as_matrix(found, column: str) -> np.ndarray:
    return found.table[column].unstack(sort=False).to_numpy(float, na_value=np.nan)


@pytest.mark.parametrize("scores", ["", "method: contrast, temperature: 0.05", "method: centred"])
def test_photos_of_the_store_get_its_logits_again_with_typed_concepts_too(folder, scores):
    """Under other names, so that nothing can be looked up."""
    from precompute.encoder import load_text_encoder

    if scores:
        make(folder, scores=f"  scores: {{{scores}}}\n")
    students = opened(folder)
    store = students.tuner.store
    copies = []
    for at, file in enumerate(files_of(folder, store.images)):
        copies.append(folder / f"copy-{at}.jpg")
        shutil.copy(file, copies[-1])
    found = students.predict_images(copies)
    expected = students.tuner.logits(students.node)
    np.testing.assert_allclose(as_matrix(found, "student_logit"), expected, atol=1e-4)
    probability = as_matrix(found, "student_probability")
    np.testing.assert_allclose(probability, expit(expected), atol=1e-4)
    assert list(found.table.loc[str(copies[0])].index) == store.classes
    tuner = open_tuner(folder / "spec.yaml")
    add_concept(tuner, "red bus, scarlet coach", load_text_encoder(tuner.spec.concepts.encoder))
    students = opened(folder)
    assert students.concepts[-1] == "red bus"
    logits = as_matrix(students.predict_images(copies), "student_logit")
    np.testing.assert_allclose(logits, students.tuner.logits(students.node), atol=1e-4)


@pytest.mark.parametrize("teacher", [TIMM, HEAD])
def test_the_teacher_stands_beside(folder, teacher):
    make(folder, teacher)
    students = opened(folder)
    store = students.tuner.store
    rows = store.rows("tune")  # heads of fit have left out some labels
    found = students.predict_images(files_of(folder, [store.images[row] for row in rows]))
    assert found.no_teacher == ""
    logits = as_matrix(found, "teacher_logit")
    np.testing.assert_allclose(logits, store.teacher_logit[rows], atol=1e-4)
    np.testing.assert_array_equal(as_matrix(found, "teacher_decision"), logits > 0)


@pytest.fixture
def retrained(folder):
    """The folder of a store whose teacher got other weights afterwards."""
    import torch

    make(folder, TIMM)
    weights = folder / "mine.pt"
    state = torch.load(weights)
    torch.save({key: value + 1 for key, value in state.items()}, weights)
    return folder


def test_check_tells_of_a_teacher_with_other_weights_than_the_stores(retrained, run):
    told = run("check", retrained / "spec.yaml")[2]
    assert "content of teacher.pretrained is not the one that the store was made with" in told


def test_check_tells_nothing_of_the_stores_own_teacher(folder, run):
    make(folder, TIMM)
    assert "made with" not in run("check", folder / "spec.yaml")[2]


def test_a_teacher_with_other_weights_than_the_stores_stands_beside_nothing(retrained):
    students = opened(retrained)
    found = students.predict_images(files_of(retrained, students.tuner.store.images[:1]))
    assert "is not the one that the store was made with" in found.no_teacher
    assert found.table["teacher_logit"].isna().all()


@pytest.mark.parametrize("answer", ["p.size[0] / len(photos)", "next(chance)"])
def test_a_teacher_whose_logits_depend_on_other_photos_or_chance_is_refused(folder, run, answer):
    """As a network in training mode: by batch normalisation, or by dropout."""
    (folder / "answers.py").write_text(
        "from itertools import count\nchance = count()\n"
        f"def logits(photos): return [[{answer}, -sum(p.getpixel((0, 0)))] for p in photos]\n"
    )
    python = "teacher: {kind: python, function: 'answers.py:logits', batch: 4}\n"
    (folder / "spec.yaml").write_text(SPEC.replace(TABLE, python))
    status, _, err = run("precompute", folder / "spec.yaml", "--allow-python")
    assert (status, "other values alone than among others" in err) == (1, True)


def test_a_teacher_that_fails_does_not_take_the_students_with_it(folder, run, monkeypatch):
    """A function of yours is refused without the flag, and may fail on a photo."""
    (folder / "code").mkdir()
    module = folder / "code" / "failing_teacher.py"
    module.write_text("def logits(photos): return [[-p.size[0], 2.0] for p in photos]\n")
    monkeypatch.syspath_prepend(str(folder / "code"))
    python = "teacher: {kind: python, function: 'failing_teacher:logits'}\n"
    (folder / "spec.yaml").write_text(SPEC.replace(TABLE, python))
    assert run("precompute", folder / "spec.yaml", "--allow-python")[0] == 0
    file = files_of(folder, ["00001"])[0]
    call = ("predict", folder / "spec.yaml", file, "--json")
    status, out, err = run(*call)
    told = "could do anything. If you trust the code, add --allow-python to the command.\n"
    assert (status, told in err) == (0, True)
    alone = json.loads(out)["decisions"]["rows"]
    beside = json.loads(run(*call, "--allow-python")[1])["decisions"]["rows"]
    assert [row["teacher_logit"] for row in beside] == [-80, 2]
    loaded = sys.modules["failing_teacher"]
    for fault, told in (
        (lambda photos: photos[99], "fails on 1 photos: IndexError"),
        (lambda photos: [[1.0] * 3] * len(photos), r"returns (1, 3) for 1 images"),
        (lambda photos: [[float("nan"), 1]] * len(photos), "not finite numbers for the images 0"),
    ):
        monkeypatch.setattr(loaded, "logits", fault)
        status, out, err = run(*call, "--allow-python")
        document = json.loads(out)["decisions"]
        assert (status, told in document["no_teacher"], told in err) == (0, True, True)
        assert document["rows"] == alone


def test_with_one_class_an_image_it_is_named(folder, run):
    """Against scikit-learn's way from sigmoids to one class, and the softmax of the teacher."""
    ids = [f"{i:05d}" for i in range(16)]
    label = np.eye(2, dtype=int)[np.arange(16) % 2]
    write_table(folder / "photos" / "labels.csv", ids, label)
    spec = SPEC.replace("  kind: table", "  kind: table\n  task: single_label")
    make(folder, f"{TIMM}  activation: softmax\n", spec=spec)
    students = opened(folder)
    store, photos = students.tuner.store, files_of(folder, students.tuner.store.images)
    found = students.predict_images(photos)
    np.testing.assert_allclose(as_matrix(found, "teacher_logit"), store.teacher_log_odds, atol=1e-4)
    share = expit(students.tuner.logits(students.node))
    share /= share.sum(axis=1, keepdims=True)
    assert found.named["student"].tolist() == [store.classes[k] for k in share.argmax(axis=1)]
    np.testing.assert_allclose(found.named["probability"], share.max(axis=1), atol=1e-4)
    teacher = [store.classes[k] for k in store.teacher_logit.argmax(axis=1)]
    assert found.named["teacher"].tolist() == teacher
    one = ["--class", store.classes[0]]
    _, out, _ = run("predict", folder / "spec.yaml", photos[1], "--json", *one)
    (told,) = json.loads(out)["decisions"]["rows"]
    assert told["named_student"] == found.named["student"].iloc[1]
    assert told["named_teacher"] == teacher[1]
    assert told["named_probability"] == pytest.approx(share[1].max(), abs=1e-4)


def test_faults_are_told_and_the_rest_goes_on(folder, monkeypatch):
    students = opened(folder)
    good, *bad = [folder / name for name in ("good.jpg", "text.jpg", "large.png", "none.jpg")]
    photo(1).save(good)
    bad[0].write_text("no image")
    Image.effect_noise((80, 80), 90).convert("RGB").save(bad[1])
    assert bad[1].stat().st_size > 10_000 > good.stat().st_size
    monkeypatch.setattr("precompute.pipeline.apply.MOST_BYTES", 10_000)
    long = folder / ("x" * 300 + ".jpg")
    found = students.predict_images([bad[0], good, *bad[1:], folder, long, good])
    assert list(found.table.index.unique("image")) == [str(good)]
    own = students.predict_images([good]).table["student_logit"]
    np.testing.assert_allclose(found.table["student_logit"], own, atol=1e-12)
    told = [found.faults[str(path)] for path in (*bad, folder, long)]
    assert told.pop(0).startswith("not an image of a known format")
    size = "the file is larger than 10.0 kB"
    assert told == [size, "no such file", "not a file", "File name too long"]
    assert len(found.table) == len(students.classes)  # named twice, told once
    monkeypatch.setattr("inficond_panel.store.images.MOST_PIXELS", 100)
    with pytest.raises(DataError, match=r"No photo can be read\..*more than 100 pixels"):
        students.predict_images([good])
    with pytest.raises(DataError, match="No photo is named"):
        students.predict_images([])


def test_a_spec_that_encodes_otherwise_is_refused_and_the_extra_named(folder, monkeypatch):
    students = opened(folder)
    file = files_of(folder, students.tuner.store.images[:1])
    spec = folder / "spec.yaml"
    for old, new, told in (
        ("image_size: 96", "image_size: 64", "concepts.encoder.image_size is 64 in the spec, but"),
        ("max_per_image: 4", "max_per_image: 5", "concepts.segments.max_per_image is 5"),
        ("size: 48", "size: 40", "concepts.thumbnails.size is 40"),
    ):
        spec.write_text(SPEC.replace(old, new))
        with pytest.raises(DataError, match=told):
            opened(folder).predict_images(file)
    monkeypatch.setitem(sys.modules, "precompute.pipeline.apply", None)
    with pytest.raises(MissingExtraError, match=r"\[precompute\]"):
        students.predict_images(file)


@pytest.fixture
def few_images(monkeypatch) -> None:
    """Drift and thresholds are told of as few images as the store has."""
    for name, few in (
        ("drift.LEAST_FIT", 8),
        ("drift.LEAST_PHOTOS", 8),
        ("drift._NEIGHBOUR", 2),
        ("metrics.thresholds.LEAST_DECIDED", 1),
    ):
        monkeypatch.setattr(f"inficond_panel.distill.{name}", few)


@pytest.fixture
def students(folder, few_images):
    return opened(folder)


@pytest.fixture
def files(folder, students) -> list[Path]:
    return files_of(folder, students.tuner.store.images)


def test_all_doors_hold_the_same(folder, run, students, files):
    found, drift = students.predict_images(files, abstain=0.9), students.drift(files)
    frames = {"decisions": found.table, "parts": found.parts, "abstain": rules_frame(found.rules)}

    def said(*form: str) -> str:
        more = ("--explain", "--abstain", "0.9", "--drift", *form)
        status, out, _ = run("predict", folder / "spec.yaml", *files, *more)
        assert status == 0
        return out

    hold_doors(said, {**frames, "drift": drift.table})


def test_drift_is_told_of_photos_like_those_of_training(folder, students, files):
    drift = students.drift([*files, folder / "none.jpg"])
    assert drift.faults == {str(folder / "none.jpg"): "no such file"}
    assert (drift.photos, drift.alarm) == (len(files), False)
    assert list(drift.table["drifted"]) == [False] * len(students.concepts)
    assert str(drift).startswith("No significant difference from the training images")
    assert drift.table.attrs["notes"] == str(drift).splitlines()


def test_a_student_abstains_where_it_is_not_sure(students, files):
    store = students.tuner.store
    found = students.predict_images(files, abstain=1)
    logits, decisions = students.tuner.logits(students.node), as_matrix(found, "student_decision")
    assert np.isnan(decisions).any()
    for k, name in enumerate(store.classes):
        sure = abs(logits[: len(files), k]) - found.rules.rules[name].threshold
        known = abs(sure) >= 1e-3  # as far as rounding goes
        expected = np.where(sure > 0, logits[: len(files), k] > 0, np.nan)
        np.testing.assert_array_equal(decisions[known, k], expected[known])


def test_rules_say_whom_they_cannot_reach(students, files):
    found = students.predict_images(files, abstain=1)
    frame = rules_frame(found.rules)
    notes = " ".join(frame.attrs["notes"])
    for name, rule in found.rules.rules.items():
        many = f"{name}: no 20 or more" not in notes
        assert (frame.loc[name, "asked"], rule.reached) == (1, many)


def test_the_command_says_where_a_student_does_not_know(folder, run, students, files):
    assert "don't know" in run("predict", folder / "spec.yaml", *files, "--abstain", "1")[1]


def test_the_command_tells_faults_and_takes_classes(folder, run):
    store, spec, bad = opened(folder).tuner.store, folder / "spec.yaml", folder / "text.jpg"
    bad.write_text("no image")
    good = files_of(folder, store.images[:2])
    status, out, err = run("predict", spec, *good, bad, "--json", "--explain")
    assert status == 0
    document = json.loads(out)
    decisions, parts = document["decisions"], document["parts"]["rows"]
    assert decisions["no_teacher"] == "the teacher is a table of logits"
    assert "The teacher's predictions are missing: the teacher is a table of logits." in err
    assert list(decisions["faults"]) == [str(bad)]
    assert f"{bad} cannot be read: not an image" in err
    assert parts[0]["concept"] == "(intercept)"
    for told in decisions["rows"]:
        key = told["image"], told["class"]
        own = [part["logit"] for part in parts if (part["image"], part["class"]) == key]
        assert sum(own) == pytest.approx(told["student_logit"], abs=1e-9)
    name = store.classes[1]
    _, out, _ = run("predict", spec, *good, "--csv", "--class", name)
    assert [row["class"] for row in lines_of(out)] == [name] * 2


def test_segments_are_outlined_in_files_and_the_line_goes_round_them(folder, run, monkeypatch):
    students = opened(folder)
    store, spec, out = students.tuner.store, folder / "spec.yaml", folder / "out"
    file = files_of(folder, store.images[:1])[0]
    (folder / "again").mkdir()
    shutil.copy(file, folder / "again" / file.name)
    bad = folder / "text.jpg"
    bad.write_text("no image")
    photos = [file, folder / "again" / file.name, bad]
    photos.append(f"{folder}/./{file.relative_to(folder)}")  # the first one again
    status, _, err = run("predict", spec, *photos, "--outlines", out)
    assert (status, "2 photos with outlines written to" in err) == (0, True)
    assert {each.name for each in out.iterdir()} == {f"{file.stem}-2.png", f"{file.stem}.png"}
    with Image.open(file) as before, Image.open(out / f"{file.stem}.png") as after:
        assert after.size == before.size
        changed = (np.array(before.convert("RGB")) != np.array(after)).any(axis=2)
    assert 0 < changed.mean() < 0.6
    monkeypatch.setattr("inficond_panel.predict.score_photos", None)  # told before it is asked
    status, _, err = run("predict", spec, file, "--outlines", out)
    assert (status, "already exists" in err) == (1, True)
    # by hand: two segments, left and right; the concept's is the right one
    mask = np.ones((8, 12), np.uint8)
    mask[:, 6:] = 2
    segments = PhotoSegments(mask, np.eye(2, dtype=np.float16))
    image = Image.new("RGB", (120, 80), "red")
    drawn = np.array(outlined(image, segments, {"": np.array([0.0, 1.0])}))
    assert (drawn[:, 59] == 255).all()  # just outside of the segment, which begins at 60
    assert (drawn[:, 58] == 0).all()
    assert (np.delete(drawn, [58, 59], axis=1) == (255, 0, 0)).all()


def test_an_export_predicts_with_its_spec_and_no_other(folder, run, tmp_path):
    students, spec, taken = opened(folder), folder / "spec.yaml", folder / "taken"
    students.export(taken, ["npz", "sklearn"])
    students.tune([(students.classes[0], students.concepts[0], "up")])
    file = files_of(folder, students.tuner.store.images[:1])[0]
    expected = students.tuner.logits(students.tuner.root())[0, 0]
    for place in (taken, taken / "students.npz"):
        status, out, _ = run("predict", place, file, "--spec", spec, "--json")
        assert status == 0
        found = json.loads(out)["decisions"]["rows"][0]["student_logit"]
        assert found == pytest.approx(expected, abs=1e-4)
    for given, told in (
        ([taken, file], "--spec SPEC"),
        ([spec, file, "--spec", spec], "--spec is only for an export"),
        ([taken, file, "--spec", small_spec(tmp_path)], "were made with the encoder"),
    ):
        status, _, err = run("predict", *given)
        assert (status, told in err) == (1, True)
