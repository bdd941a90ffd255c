"""A teacher's logits from CSV, Parquet and npz; sigmoid and softmax: log-odds, other classes."""

import io
import zipfile

import numpy as np
import pytest
from precompute_factory import CLASSES, write_table
from scipy.special import expit, softmax

from inficond_panel.common.teacher_outputs import (
    log_odds,
    logits_fault,
    probabilities_fault,
    softmax_of,
)
from inficond_panel.distill import soft_targets
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import LogitsTeacher
from precompute.teachers.tables import left_out_text, read_outputs
from precompute.teachers.tables import read_logits as read_table


def read_logits(path, ids, classes):
    return read_outputs(path, ids, classes)[0][:, : len(classes)]


IDS, VALUES = ["02", "01", "03"], np.array([[1, 2], [3, 4.5], [5, 6]])


def write_npz(path, ids=IDS, classes=CLASSES, values=VALUES):
    np.savez(path, image_id=np.array(ids), class_name=np.array(classes), logit=values)
    return path


def write_parquet(path, ids=IDS, classes=CLASSES, values=VALUES):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = dict(zip(classes, np.asarray(values).T.tolist(), strict=True))
    parquet.write_table(pyarrow.table({**columns, "image_id": ids}), path)  # pandas' index is last
    return path


def test_logits_are_put_in_the_order_of_images_and_classes(tmp_path):
    write_table(tmp_path / "z.csv", IDS, VALUES)
    npz, parquet = write_npz(tmp_path / "z.npz"), write_parquet(tmp_path / "z.parquet")
    for path in (tmp_path / "z.csv", npz, parquet):
        logit = read_logits(path, ["01", "02"], ["train", "bicycle"])
        assert (logit.tolist(), logit.dtype) == ([[4.5, 3], [2, 1]], np.float32)


@pytest.mark.parametrize(
    ("columns", "rows", "fault"),
    [
        ("bicycle,train", "1,0,nan", "z.csv:2: 'train' of image '1' is 'nan'; expected a"),
        ("bicycle,train", "1,0,", "expected a finite number"),
        ("bicycle,train", "1,0,1e999", "expected a finite number"),
        ("bicycle,train", "1,0,1e39", "expected a finite number"),
        ("bicycle,train", "1,0,1\n1,0,1", "listed twice"),
        ("bicycle,train", "3,0,1", "no logits for 1 of 1 images, the first are 1"),
        ("bicycle", "1,0", "no column for the class 'train'"),
        ("bicycle,trains", "1,0,1", r"no column for the class 'train' \(nearest: 'trains'\)"),
    ],
)
def test_faulty_csv_is_told(tmp_path, columns, rows, fault):
    (tmp_path / "z.csv").write_text(f"image_id,{columns}\n{rows}\n")
    with pytest.raises(DataError, match=fault):
        read_logits(tmp_path / "z.csv", ["1"], CLASSES)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"values": VALUES * [[1, 1], [1, np.nan], [1, 1]]}, "'train' of image '01' is nan"),
        ({"values": VALUES * 1e39}, r"expected a finite number \(6 such values\)"),
        ({"ids": ["02", "01", "02"]}, "lists the image '02' twice"),
        ({"classes": ["bicycle", "bicycle"]}, "lists the class 'bicycle' twice"),
        ({"classes": ["bicycle", "trains"]}, "no column for the class 'train'"),
        ({"ids": ["02", "1", "03"]}, "There is 1: the ids lost their leading zeros"),
        ({"values": VALUES.T}, r"logit is \(2, 3\); expected numbers \(3, 2\)"),
        ({"values": VALUES.astype(str)}, "logit is <U"),
        ({"values": VALUES.astype(object)}, "without pickled objects"),
    ],
)
def test_faulty_npz_is_told(tmp_path, change, fault):
    with pytest.raises(DataError, match=fault):
        read_logits(write_npz(tmp_path / "z.npz", **change), ["01", "02"], CLASSES)


def test_an_npz_without_its_arrays_damaged_and_absent_files_are_told(tmp_path):
    np.savez(tmp_path / "x.npz", logit=VALUES)
    for name in ("z.npz", "z.parquet"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 broken")
    path = write_parquet(tmp_path / "x.parquet")  # a column name that is no text
    path.write_bytes(path.read_bytes().replace(b"train", b"\xffrain"))
    for name, fault in (
        ("x.parquet", r"x\.parquet cannot be read as a table: 'utf-8' codec"),
        ("x.npz", "no array image_id and no array class_name; it has logit."),
        ("z.npz", "cannot be read as npz"),
        ("z.parquet", r"z\.parquet cannot be read as a table"),
        ("y.npz", "There is no file"),
        ("y.parquet", r"no file .*y\.parquet"),
    ):
        with pytest.raises(DataError, match=fault):
            read_logits(tmp_path / name, ["01"], CLASSES)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"values": np.array([[1, 2], [3, None], [5, 6]])}, "expected a finite number"),
        ({"values": [[1, 2], [3, float("inf")], [5, 6]]}, "expected a finite number"),
        ({"ids": ["02", "01", "02"]}, "listed twice"),
        ({"ids": [2, 1, 3]}, "There is 1: the ids lost their leading zeros"),
    ],
)
def test_faulty_parquet_is_told(tmp_path, change, fault):
    with pytest.raises(DataError, match=fault):
        read_logits(write_parquet(tmp_path / "z.parquet", **change), ["01", "02"], CLASSES)


def test_an_array_that_claims_more_than_the_file_holds_is_refused(tmp_path):
    """11 TB would be taken from memory before a byte is read."""
    with zipfile.ZipFile(write_npz(tmp_path / "z.npz"), "a") as archive:
        archive.writestr("other.npy", b"")
        parts = {name: archive.read(name) for name in archive.namelist()}
    claim = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2, 7 * 10**11)}
    np.lib.format.write_array_header_1_0(claim, header)
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
        for name, data in {**parts, "logit.npy": claim.getvalue() + b"0" * 80}.items():
            archive.writestr(name, data)
    assert read_logits(tmp_path / "z.npz", ["01"], CLASSES).tolist() == [[3, 4.5]]
    with pytest.raises(DataError, match=r"claims the shape \(2, 700000000000\), and holds 80"):
        read_logits(tmp_path / "y.npz", ["01"], CLASSES)


ANIMALS = ["cat", "dog"]


def test_log_odds_and_targets_are_those_of_the_softmax():
    rng = np.random.default_rng(0)
    logit, other = rng.normal(0, 4, (200, 5)), rng.normal(0, 4, (200, 3))
    p = softmax(np.hstack([logit, other]).astype(np.longdouble), axis=1)[:, :5]
    np.testing.assert_allclose(log_odds(logit, other), np.log(p) - np.log1p(-p), rtol=1e-9)
    np.testing.assert_allclose(softmax_of(logit, other), p, rtol=1e-12)
    # where the softmax has no digits left: of two classes the log-odds are the difference
    far = log_odds(np.array([[300.0, -400.0], [1e4, 0.0]]))
    np.testing.assert_allclose(far, [[700, -700], [1e4, -1e4]], rtol=1e-15)
    z = np.array([[2.0, 0.0, -1.0]])
    none = np.empty((1, 0))
    np.testing.assert_allclose(soft_targets(z + 7, 2.0, none), soft_targets(z, 2.0, none))
    np.testing.assert_allclose(soft_targets(z, 2.0, none), softmax(z / 2, axis=1))
    # a class that the data set lacks keeps its share
    np.testing.assert_allclose(soft_targets(z[:, :2], 2.0, z[:, 2:]), softmax(z / 2, axis=1)[:, :2])
    np.testing.assert_allclose(soft_targets(z, 2.0), expit(z / 2))


def table(folder, header, *rows):
    file = folder / "z.csv"
    file.write_text("\n".join([f"image_id,{header}", *rows]))
    return file


def test_other_classes_of_a_table_stay_in_the_softmax(tmp_path):
    file = table(tmp_path, "eel,dog,cat", "a,5,-1,2", "b,0,1,3")
    found = read_table(LogitsTeacher(path=file, activation="softmax"), ["b", "a"], ANIMALS)
    assert found.own.tolist() == [[3, 1], [2, -1]]
    assert (found.other.tolist(), found.other_classes) == ([[0], [5]], ("eel",))
    alone = read_table(LogitsTeacher(path=file), ["b", "a"], ANIMALS)
    assert alone.own.tolist() == [[3, 1], [2, -1]]
    assert (alone.other.shape, alone.left_out) == ((2, 0), ("eel",))
    (told,) = left_out_text(LogitsTeacher(path=file), alone)
    assert told == "z.csv has classes that the data set lacks, left out: eel"
    assert left_out_text(LogitsTeacher(path=file), found) == []
    with pytest.raises(DataError, match="no column for the class 'dogs'"):
        read_table(LogitsTeacher(path=file, activation="softmax"), ["a"], ["cat", "dogs"])


def test_probabilities_of_a_table(tmp_path):
    file = table(tmp_path, "cat,dog,eel", "a,0.7,0.2,0.1", "b,0,0.5,0.5")
    keys = {"outputs": "probabilities", "activation": "softmax"}
    found = read_table(LogitsTeacher(path=file, **keys), ["a", "b"], ANIMALS)
    p = softmax(np.hstack([found.own, found.other]), axis=1)
    np.testing.assert_allclose(p, [[0.7, 0.2, 0.1], [0, 0.5, 0.5]], atol=1e-6)
    file, apart = table(tmp_path, "cat,dog", "a,0.7,0.2"), {"outputs": "probabilities"}
    found = read_table(LogitsTeacher(path=file, **apart), ["a"], ANIMALS)
    np.testing.assert_allclose(expit(found.own), [[0.7, 0.2]], rtol=1e-6)
    for row, given, fault in (
        ("a,0.7,0.2", keys, r"add up to 0.9 for an image, in a softmax to 1: classes"),
        ("a,0.9,0.8", keys, r"add up to 1.7 .*: each class has its own sigmoid"),
        ("a,2,3", apart, "reach from 2 to 3: these are not probabilities"),
    ):
        table(tmp_path, "cat,dog", row)
        with pytest.raises(DataError, match=fault):
            read_table(LogitsTeacher(path=file, **given), ["a"], ANIMALS)


@pytest.mark.parametrize(
    ("row", "activation", "fault"),
    [
        ("a,0.7,0.2", None, "look like probabilities"),
        ("a,0,1", None, "look like labels"),
        ("a,70,20", None, "are never below 0, so the teacher would decide that every image shows"),
        ("a,69.8,30", "softmax", "look like percentages: each image's add up to 100; divide by"),
    ],
)
def test_what_is_no_logits_is_refused_unless_outputs_are_said(tmp_path, row, activation, fault):
    keys = {"path": table(tmp_path, "cat,dog", row), "activation": activation}
    with pytest.raises(DataError, match=fault) as told:
        read_table(LogitsTeacher(**keys), ["a"], ANIMALS)
    assert "teacher.outputs: probabilities, or logits" in told.value.remedy
    values = [float(cell) for cell in row.split(",")[1:]]
    found = read_table(LogitsTeacher(**keys, outputs="logits"), ["a"], ANIMALS)
    assert found.own.tolist() == [pytest.approx(values)]


def test_probabilities_that_are_rounded_are_said_to_be():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(5), 200).round(1)
    assert "they are rounded (decimals: 1)" in probabilities_fault(shares, by_softmax=True)


def test_probabilities_of_which_classes_are_missing_are_not_said_to_be_rounded():
    shares = np.random.default_rng(0).dirichlet(np.ones(5), 200)[:, :3]
    assert probabilities_fault(shares, by_softmax=True).endswith("classes are missing")


def test_the_log_of_a_softmax_is_no_logit_of_a_class_by_itself():
    logs = np.log(softmax(np.random.default_rng(0).normal(size=(50, 4)), axis=1))
    assert logits_fault(logs, by_softmax=False).startswith("look like the log of a softmax")


def test_the_log_of_a_softmax_may_be_a_logit_of_a_softmax():
    logs = np.log(softmax(np.random.default_rng(0).normal(size=(50, 4)), axis=1))
    assert logits_fault(logs) == ""
