"""Data sets that a Python function gives: records, data sets of torch, and the shipped examples."""

import io
import pickle
import runpy
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from precompute_factory import (
    dataset_section,
    named_encoder,
    photo,
    photo_set,
    without_torch,
    write_table,
)
from test_init import home  # noqa: F401

import precompute
from inficond_panel import from_frames
from inficond_panel.cli import main
from inficond_panel.common.installation import shipped_folder
from inficond_panel.errors import DataError
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import open_store
from precompute.datasets import load_dataset

pytestmark = pytest.mark.commands

NAMES = ["cat", "dog"]
HALVES = "{fit: train, tune: {from: test, share: 0.5, seed: 0}, holdout: rest}"
#: Eight photos, four of each split, cat and dog by turns.
RECORDS = """
def images():
    for i in range(8):
        yield {"image": photo(i), "labels": NAMES[i % 2], "split": "train" if i < 4 else "test"}
"""


def jpeg(seed):
    stream = io.BytesIO()
    photo(seed).save(stream, "JPEG")
    return stream.getvalue()


def loaded(folder, code, more=f"splits: {HALVES}", function="own.py"):
    """The data set of a file with this code, which can use ``photo`` and ``NAMES``."""
    code = f"from precompute_factory import photo\nNAMES = {NAMES}\n{code}"
    (folder / "own.py").write_text(code)
    found = dataset_section(folder, f"{{kind: python, function: {function}:images, {more}}}")
    found.allowed = True
    return load_dataset(found)


def check(dataset, exact=True):
    """Eight photos of turns, of which the last four are for tune and holdout."""
    assert dataset.classes == ("cat", "dog")
    assert [dataset.split.count(name) for name in ("fit", "tune", "holdout")] == [4, 2, 2]
    rows = sorted(range(8), key=lambda row: ("test" in dataset.ids[row], dataset.ids[row]))
    for number, row in enumerate(rows):
        assert dataset.label[row].tolist() == [1 - number % 2, number % 2]
        difference = np.asarray(dataset.load(row), float) - np.asarray(photo(number), float)
        assert not difference.any() if exact else np.abs(difference).mean() < 12
    assert len({dataset.digest(i) for i in range(8)}) == 8


TENSOR = "torch.from_numpy(np.asarray(photo(i)).copy()).permute(2, 0, 1)"


@pytest.mark.parametrize("image", ["np.asarray(photo(i))", TENSOR, f"{TENSOR} / 255"])
def test_pixels_of_arrays_and_tensors_are_the_same(tmp_path, image):
    imports = "import numpy as np\n"
    if "torch" in image:
        pytest.importorskip("torch")
        imports += "import torch\n"
    check(loaded(tmp_path, imports + RECORDS.replace("photo(i)", image, 1)))


def test_files_and_contents_of_files_are_taken_as_they_are(tmp_path):
    for i in range(4):
        (tmp_path / f"{i}.jpg").write_bytes(jpeg(i))
        (tmp_path / f"{i + 4}").write_bytes(jpeg(i + 4))
    image = 'root / f"{i}.jpg" if i < 4 else (root / str(i)).read_bytes()'
    code = RECORDS.replace("images()", "images(root)").replace("photo(i)", image)
    check(loaded(tmp_path, code, f"root: ., splits: {HALVES}"), exact=False)


@pytest.mark.parametrize("given", ["Some({})", "DataLoader(Some({}))"])
def test_a_data_set_of_torch_goes_in_as_it_is(tmp_path, given):
    pytest.importorskip("torch")
    code = f"""
from torch.utils.data import DataLoader, Dataset
class Some(Dataset):
    classes = NAMES
    def __init__(self, first): self.first = first
    def __len__(self): return 4
    def __getitem__(self, i): return photo(self.first + i), i % 2
def images(): return {{"train": {given.format(0)}, "test": {given.format(4)}}}
"""
    check(loaded(tmp_path, code))


def test_labels_in_their_forms(tmp_path):
    labels = '[1, ["cat", 1], np.int64(0), np.array([1, 0]), np.array([0, -1]), None, []]'
    code = f"""
import numpy as np
def images():
    for i, labels in enumerate({labels}):
        yield {{"image": photo(i), "labels": labels, "id": f"0{{i}}", "metadata": {{"n": i}}}}
"""
    part = "{{column: n, value: {}}}".format
    splits = f"{{fit: {part([0, 1, 2, 3])}, tune: {part([4, 5])}, holdout: {part(6)}}}"
    dataset = loaded(tmp_path, code, f"names: [cat, dog], splits: {splits}")
    assert dataset.ids == tuple(f"0{i}" for i in range(7))
    expected = [[0, 1], [1, 1], [1, 0], [1, 0], [0, -1], [-1, -1], [0, 0]]
    assert dataset.label.tolist() == expected
    assert dataset.metadata.tolist() == [[str(i)] for i in range(7)]
    code = "import numpy as np\n" + RECORDS.replace("NAMES[i % 2]", "np.array([1, 0])")
    with pytest.raises(DataError, match=r"vector of 2 labels; expected .* of the 0 classes"):
        loaded(tmp_path, code)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def images(): return []", "own.py:images gives no image"),
        ("images = 3", "dataset.function own.py:images is not a function"),
        ("1 / 0", "dataset.function own.py:images cannot be imported: ZeroDivisionError"),
        ("def images(): raise SystemExit(3)", "own.py:images fails: SystemExit: 3"),
        ("def images(): return 3", "own.py:images fails: TypeError"),
        (f"{RECORDS}        1 / (3 - i)", r"fails at record 4: ZeroDivisionError.*/own.py:7\)"),
        (RECORDS.replace('"image"', '"photo"'), "record 0: dict is not a record with an image"),
        (RECORDS.replace('"labels"', '"label"'), "the key 'label' is none of image, labels, id"),
        (RECORDS.replace("NAMES[i % 2]", "i / 4"), "record 0: 0.0 is not a class: neither a name"),
        (RECORDS.replace("NAMES[i % 2]", "i"), "record 2: class 2 has no name: only 0 to 1 have"),
        (RECORDS.replace("NAMES[i % 2]", "photo(0).histogram and None"), "has no class"),
        (RECORDS.replace("NAMES[i % 2]", "[1, 0, 1]"), "record 0: a list that names a class twice"),
        (RECORDS.replace("NAMES[i % 2]", "''"), "record 0:  is not a class"),
        (RECORDS.replace("photo(i)", "__import__('numpy').full((2, 2, 3), 2.5)"), "normalisation"),
        (RECORDS.replace('"split"', '"id": 1, "split"'), "gives two images '1'"),
        (RECORDS.replace('"train"', '"fit"'), "gives no split 'train'; available: fit, test"),
    ],
)
def test_faults_are_told(tmp_path, code, told):
    with pytest.raises(DataError, match=told):
        loaded(tmp_path, code, f"names: [cat, dog], splits: {HALVES}")


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """A folder whose spec has a data set of Python code, which notes that it ran."""
    without_torch(monkeypatch)
    photo_set(tmp_path)
    named_encoder(tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
        f"from precompute_factory import photo\nNAMES = {NAMES}\n{RECORDS}"
    )
    text = (tmp_path / "spec.yaml").read_text()
    start, end = text.index("  kind: table"), text.index("concepts:")
    dataset = f"  kind: python\n  function: own.py:images\n  splits: {HALVES}\n"
    (tmp_path / "spec.yaml").write_text(f"{text[:start]}{dataset}{text[end:]}")
    ids = [f"{split}/{i:06d}" for split in ("train", "test") for i in range(4)]
    write_table(tmp_path / "logits.csv", ids, np.arange(16).reshape(8, 2) / 7 - 1, NAMES)
    return tmp_path


@pytest.mark.parametrize("plan", [[], ["--plan"]], ids=["run", "plan"])
def test_a_run_names_the_code_that_it_does_not_run(own, capsys, plan):
    assert main(["precompute", "spec.yaml", *plan]) == 1
    told = capsys.readouterr().err
    assert "spec's data set is Python code, own.py:images, which could do anything" in told


def test_code_runs_only_where_it_is_allowed(own, capsys):
    assert main(["precompute", "spec.yaml"]) == 1
    assert main(["info", "spec.yaml"]) == 1
    assert main(["check", "spec.yaml"]) == 0
    assert main(["info", "spec.yaml", "--allow-python"]) == 0
    (own / "ran").unlink()
    assert main(["check", "spec.yaml"]) == 0
    assert not (own / "ran").exists()


def test_help_names_the_flag_that_allows_code(own, capsys):
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    assert "--allow-python" in capsys.readouterr().out


def test_a_change_of_the_code_is_noticed(own):
    tmp_path = own
    assert main(["precompute", "spec.yaml", "--allow-python"]) == 0
    spec = load_spec("spec.yaml")
    assert open_store(spec.store).images[:2] == ["train/000000", "train/000001"]
    spec.allow_python()
    assert not precompute.run(spec, spec.store).changed
    (tmp_path / "own.py").write_text((tmp_path / "own.py").read_text() + "\n# otherwise\n")
    assert precompute.run(spec, spec.store).changed


def shipped(library):
    return (shipped_folder("specs") / "functions" / f"from_{library}.py").as_posix()


def example(folder, library):
    return loaded(folder, "", f"root: data, splits: {HALVES}", shipped(library))


def test_the_example_of_torchvision_reads_cifar_100(tmp_path, monkeypatch):
    pytest.importorskip("torchvision")
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    folder = tmp_path / "cifar-100-python"
    folder.mkdir(parents=True)
    for name, first in (("train", 0), ("test", 4)):
        pixels = np.stack([photo(i, (32, 32)) for i in range(first, first + 4)])
        flat = pixels.transpose(0, 3, 1, 2).reshape(4, 3072)
        data = {"data": flat, "fine_labels": [0, 1, 0, 1]}
        (folder / name).write_bytes(pickle.dumps(data))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": NAMES}))
    monkeypatch.setenv("INFICOND_DATA", str(tmp_path))
    spec = load_spec(find_spec("cifar100"))
    spec.allow_python()
    dataset = load_dataset(spec.dataset)
    assert dataset.task == "single_label"
    for row, image in enumerate(dataset.ids):
        number = int(image[-1]) + (4 if image.startswith("test") else 0)
        np.testing.assert_array_equal(np.asarray(dataset.load(row)), photo(number, (32, 32)))
        assert dataset.label[row].tolist() == [1 - number % 2, number % 2]


def test_the_example_of_webdataset(tmp_path):
    pytest.importorskip("webdataset")
    (tmp_path / "data").mkdir()
    for split, first in (("train", 0), ("test", 4)):
        with tarfile.open(tmp_path / "data" / f"{split}-000.tar", "w") as tar:
            for i in range(first, first + 4):
                for kind, content in (("jpg", jpeg(i)), ("cls", NAMES[i % 2].encode())):
                    info = tarfile.TarInfo(f"{i:02d}.{kind}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
    dataset = example(tmp_path, "webdataset")
    assert dataset.ids[0] == "train-000/00"
    check(dataset, exact=False)


@pytest.mark.parametrize("form", ["saved", "parquet"])
def test_the_example_of_datasets(tmp_path, monkeypatch, form):
    datasets = pytest.importorskip("datasets")
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)}
    parts = {}
    for split, first in (("train", 0), ("test", 4)):
        rows = range(first, first + 4)
        columns = {"image": [photo(i) for i in rows], "label": [i % 2 for i in rows]}
        parts[split] = datasets.Dataset.from_dict(columns, datasets.Features(features))
    if form == "saved":
        datasets.DatasetDict(parts).save_to_disk(tmp_path / "data")
    else:
        (tmp_path / "data").mkdir()
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        for split, part in parts.items():
            part.to_parquet(tmp_path / "data" / f"{split}-00000-of-00001.parquet")
    check(example(tmp_path, "datasets"))


@pytest.fixture
def fiftyone(monkeypatch):
    """FiftyOne on a database in memory: its own needs the program of MongoDB."""
    found = pytest.importorskip("fiftyone")
    mongomock, mongoengine = pytest.importorskip("mongomock"), pytest.importorskip("mongoengine")
    database = found.core.odm.database
    mongoengine.disconnect_all()
    mongoengine.connect("fiftyone", mongo_client_class=mongomock.MongoClient)
    monkeypatch.setattr(database, "_client", mongoengine.connection.get_connection())
    monkeypatch.setattr(database, "_connect", lambda: None)
    monkeypatch.setattr(database, "get_db_conn", lambda: database._client["fiftyone"])
    return found


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_the_example_of_fiftyone_goes_both_ways(fiftyone, tmp_path, task):
    one, several = fiftyone.Classification, fiftyone.Classifications
    data, single = fiftyone.Dataset("data", overwrite=True), task == "single_label"
    for i in range(8):
        (tmp_path / f"{i}.jpg").write_bytes(jpeg(i))
        label = one(label=NAMES[i % 2])
        label = label if single else several(classifications=[label])
        tags = ["train" if i < 4 else "test"]
        data.add_sample(fiftyone.Sample(f"{tmp_path}/{i}.jpg", tags=tags, ground_truth=label))
    dataset = example(tmp_path, "fiftyone")
    number = {sample.id: int(Path(sample.filepath).stem) for sample in data}
    ids = sorted(dataset.ids, key=number.get)
    assert dataset.classes == ("cat", "dog")
    assert [number[image] for image in dataset.ids[:4]] == [0, 1, 2, 3]
    split = pd.Series(dataset.split, dataset.ids)
    labels = pd.DataFrame(dataset.label, dataset.ids, NAMES)
    scores = pd.DataFrame({"word": [(-1.0) ** number[image] for image in ids]}, ids)
    students = from_frames(
        scores, 8.5 * labels - 4, labels, split=split, path=tmp_path / "own.zarr", task=task,
        activation="softmax" if single else "sigmoid",
    ).fit()  # fmt: skip
    runpy.run_path(shipped("fiftyone"))["write"](students, "data")
    decided, chance = students.predict("tune"), students.predict_proba("tune")
    assert decided.any()
    for row, image in enumerate(students.images("tune")):
        there = data[image]["students"]
        found = [there] if single else there.classifications
        assert type(there) is (one if single else several)
        named = [name for name, here in zip(NAMES, decided[row], strict=True) if here]
        assert [each.label for each in found] == named
        assert [each.confidence for each in found] == chance[row][decided[row] == 1].tolist()
    assert all(data[image]["students"] is None for image in ids if split[image] != "tune")


@pytest.mark.parametrize(
    ("files", "library", "what"),
    [
        (["samples.json", "data/0.jpg", "more/1.jpg"], "fiftyone", "an export of FiftyOne"),
        (["a/train-000.tar"], "webdataset", "shards of WebDataset"),
        (["train/data-00000-of-00001.arrow"], "datasets", "a folder of the package datasets"),
        (["data/train-00000-of-00001.parquet"], "datasets", "Parquet files of the package"),
        (["cifar-10-batches-py/batches.meta"], "torchvision", "CIFAR-10"),
        (["cifar-100-python/meta", "cifar-100-python/train"], "torchvision", "CIFAR-100"),
    ],
)
def test_init_says_what_reads_such_a_folder(home, capsys, files, library, what):  # noqa: F811
    for name in files:
        (home / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "data" / name).write_bytes(jpeg(0) if name.endswith("jpg") else b"{}")
    assert main(["init", "data"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert f"data looks like {what}" in told
    assert f"Take {shipped(library)}, and write dataset: {{kind: python, function: " in told
    assert not list(home.glob("*.yaml"))


def test_init_names_the_function_where_a_table_resembles_labels(home, capsys):  # noqa: F811
    pytest.importorskip("pyarrow")
    binary, shards = home / "binary", home / "shards"
    for folder in (binary, shards):
        folder.mkdir()
    rows = {"image": [{"bytes": bytes([i]), "path": f"{i}.jpg"} for i in range(4)]}
    rows = pd.DataFrame({**rows, "label": [0, 1, 0, 1]})
    rows.to_parquet(binary / "train-00000-of-00001.parquet")
    (shards / "train-000.tar").write_bytes(b"")
    (shards / "notes.csv").write_text("image_id,notes\n0,\n1,\n2,\n3,blurred\n")
    for folder, library in ((binary, "datasets"), (shards, "webdataset")):
        assert main(["init", str(folder)]) == 1
        assert f"Take {shipped(library)}, and" in " ".join(capsys.readouterr().err.split())


def test_the_docs_show_an_example_and_name_all():
    page = (shipped_folder("docs") / "data.md").read_text(encoding="utf-8")
    assert Path(shipped("datasets")).read_text(encoding="utf-8") in page
    for file in Path(shipped("datasets")).parent.glob("*.py"):
        assert f"(../specs/functions/{file.name})" in page
