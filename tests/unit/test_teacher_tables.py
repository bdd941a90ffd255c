"""A teacher's logits from CSV, Parquet and npz."""

import numpy as np
import pytest
from precompute_factory import CLASSES, write_table

from inficond_panel.errors import DataError
from precompute.teachers.tables import read_outputs


def read_logits(path, ids, classes):
    return read_outputs(path, ids, classes)[0][:, : len(classes)]


IDS, VALUES = ["02", "01", "03"], np.array([[1, 2], [3, 4.5], [5, 6]])


def write_npz(path, ids=IDS, classes=CLASSES, values=VALUES):
    np.savez(path, image_id=np.array(ids), class_name=np.array(classes), logit=values)
    return path


def write_parquet(path, ids=IDS, classes=CLASSES, values=VALUES):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"image_id": ids, **dict(zip(classes, np.asarray(values).T.tolist(), strict=True))}
    parquet.write_table(pyarrow.table(columns), path)
    return path


def write_csv(path):
    write_table(path, IDS, VALUES)
    return path


@pytest.mark.parametrize(
    ("name", "write"), [("z.csv", write_csv), ("z.npz", write_npz), ("z.parquet", write_parquet)]
)
def test_logits_are_put_in_the_order_of_images_and_classes(tmp_path, name, write):
    logit = read_logits(write(tmp_path / name), ["01", "02"], ["train", "bicycle"])
    assert logit.tolist() == [[4.5, 3], [2, 1]]
    assert logit.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("image_id,bicycle,train\n1,0,nan\n", "z.csv:2: 'train' of image '1' is 'nan'; expected a"),
        ("image_id,bicycle,train\n1,0,\n", "expected a finite number"),
        ("image_id,bicycle,train\n1,0,1e999\n", "expected a finite number"),
        ("image_id,bicycle,train\n1,0,1e39\n", "expected a finite number"),
        ("image_id,bicycle,train\n1,0,1\n1,0,1\n", "listed twice"),
        ("image_id,bicycle,train\n3,0,1\n", "no logits for 1 of 1 images, the first are 1"),
        ("image_id,bicycle\n1,0\n", "no column for the class 'train'"),
        (
            "image_id,bicycle,trains\n1,0,1\n",
            r"no column for the class 'train' \(nearest: 'trains'\)",
        ),
    ],
)
def test_faulty_csv_is_told(tmp_path, text, fault):
    (tmp_path / "z.csv").write_text(text)
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
        ({"values": VALUES.T}, r"logit is float64 \(2, 3\); expected numbers \(3, 2\)"),
        ({"values": VALUES.astype(str)}, "logit is <U"),
        ({"values": VALUES.astype(object)}, "without pickled objects"),
    ],
)
def test_faulty_npz_is_told(tmp_path, change, fault):
    with pytest.raises(DataError, match=fault):
        read_logits(write_npz(tmp_path / "z.npz", **change), ["01", "02"], CLASSES)


def test_an_npz_without_its_arrays_or_damaged_is_told(tmp_path):
    np.savez(tmp_path / "z.npz", logit=VALUES)
    with pytest.raises(DataError, match="no array image_id and no array class_name"):
        read_logits(tmp_path / "z.npz", ["01"], CLASSES)
    (tmp_path / "z.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(DataError, match="cannot be read as npz"):
        read_logits(tmp_path / "z.npz", ["01"], CLASSES)
    with pytest.raises(DataError, match="There is no file"):
        read_logits(tmp_path / "y.npz", ["01"], CLASSES)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"values": np.array([[1, 2], [3, None], [5, 6]], dtype=object)},
            "expected a finite number",
        ),
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
    import io
    import zipfile

    with zipfile.ZipFile(write_npz(tmp_path / "z.npz"), "a") as archive:
        archive.writestr("other.npy", b"")
    claim = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2, 7 * 10**11)}
    np.lib.format.write_array_header_1_0(claim, header)
    with zipfile.ZipFile(tmp_path / "z.npz") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
        for name, data in {**parts, "logit.npy": claim.getvalue() + b"0" * 80}.items():
            archive.writestr(name, data)
    assert read_logits(tmp_path / "z.npz", ["01"], CLASSES).tolist() == [[3, 4.5]]
    with pytest.raises(DataError, match=r"claims the shape \(2, 700000000000\), and holds 80"):
        read_logits(tmp_path / "y.npz", ["01"], CLASSES)
