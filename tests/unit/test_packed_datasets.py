"""Data sets that other packages write, on made files: FiftyOne, datasets, WebDataset, CIFAR."""

import io
import json
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from precompute_factory import photo
from test_init import home, init  # noqa: F401

from inficond_panel.cli import main
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store.images import UnreadableImage
from precompute.datasets import load_dataset
from precompute.datasets.layouts import huggingface, webdataset
from precompute.datasets.layouts.fiftyone import tags_of
from precompute.datasets.records import class_names
from precompute.detect.packed import packed_layout

pyarrow = pytest.importorskip("pyarrow")
NAMES = ["cat", "dog"]
SHARES = "{fit: {from: all, share: 0.5}, tune: {from: all, share: 0.25}, holdout: rest}"
HALVES = "{fit: train, tune: {from: test, share: 0.5}, holdout: rest}"


def section(folder, text):
    """The section ``dataset`` of a spec in ``folder``."""
    rest = (
        "concepts: {corpus: s.yaml, encoder: {model: m, pretrained: p}}\nteacher: {path: s.yaml}\n"
    )
    (folder / "s.yaml").write_text(f"title: T\ndataset: {{root: data, {text}}}\n{rest}")
    return load_spec(folder / "s.yaml", check_files=False).dataset


def jpeg(seed):
    stream = io.BytesIO()
    photo(seed, (20, 16)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def check(dataset, count=8):
    """Photo and label of image i of the made sets: photo i, class i modulo 2."""
    assert len(dataset.ids) == count
    for row, image in enumerate(dataset.ids):
        number = int(image.rpartition("/")[2][-2:]) + (4 if "test" in image else 0)
        assert dataset.label[row].tolist() == [1 - number % 2, number % 2]
        expected = np.asarray(photo(number, (20, 16)), float)
        assert np.abs(np.asarray(dataset.load(row), float) - expected).mean() < 12
    assert len({dataset.digest(i) for i in range(count)}) == count
    assert [dataset.split.count(name) for name in ("fit", "tune", "holdout")] == [4, 2, 2]


def shard(path, first, members=None, label="cls"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for i in range(first, first + 4):
            texts = {"cls": str(i % 2), "txt": f"{NAMES[i % 2]}\n",
                     "json": json.dumps({"label": NAMES[i % 2]})}  # fmt: skip
            for kind, data in (("jpg", jpeg(i)), (label, texts[label].encode())):
                info = tarfile.TarInfo(f"{i - first:02d}.{kind}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        for info in members or ():
            tar.addfile(info)


@pytest.mark.parametrize("label", ["cls", "txt", "json"])
def test_shards_of_webdataset(tmp_path, label):
    shard(tmp_path / "data" / "train-000.tar", 0, label=label)
    shard(tmp_path / "data" / "test-000.tar", 4, label=label)
    key = "json.label" if label == "json" else label
    names = "names: [cat, dog]" if label == "cls" else "max_bad_share: 0"
    splits = HALVES.replace("train", '"train-*"').replace("test", '"test-*"')
    dataset = load_dataset(
        section(tmp_path, f"kind: webdataset, label: {key}, {names}, splits: {splits}")
    )
    assert dataset.classes == ("cat", "dog")
    assert dataset.ids[0] == "train-000/00"
    check(dataset)


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (member("a.jpg", tarfile.SYMTYPE, "/etc/passwd"), "'a.jpg' is no plain file"),
        (member("a.jpg", tarfile.LNKTYPE, "00.jpg"), "'a.jpg' is no plain file"),
        (member("../a.jpg"), "leads out of the shard"),
        (member("/a.jpg"), "leads out of the shard"),
        (member("00.png"), "'00' has several photos"),
    ],
)
def test_shards_with_links_or_paths_that_lead_out_are_refused(tmp_path, bad, told):
    shard(tmp_path / "data" / "train.tar", 0, [bad])
    with pytest.raises(DataError, match=told):
        load_dataset(section(tmp_path, "kind: webdataset, splits: " + SHARES))


def test_what_is_no_shard_and_what_has_no_name_is_told(tmp_path):
    shard(tmp_path / "data" / "train.tar", 0)
    text = "kind: webdataset, splits: " + SHARES
    with pytest.raises(DataError, match="class 1 is none of the 1 that have names"):
        load_dataset(section(tmp_path, text.replace("splits", "names: [cat], splits")))
    with pytest.raises(DataError, match="are outside"):
        load_dataset(section(tmp_path, text.replace("splits", 'shards: ["../*.tar"], splits')))
    (tmp_path / "data" / "train.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(DataError, match="cannot be read as a tar"):
        load_dataset(section(tmp_path, text))


FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": NAMES, "_type": "ClassLabel"},
}


def rows(first):
    """A table as datasets writes it: photos within it."""
    images = [{"bytes": jpeg(i), "path": None} for i in range(first, first + 4)]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    columns = [pyarrow.array(images, kind), pyarrow.array([i % 2 for i in range(first, first + 4)])]
    return pyarrow.table(columns, names=["image", "label"])


def saved(folder):
    """What ``DatasetDict.save_to_disk`` leaves."""
    for split, first in (("train", 0), ("test", 4)):
        place = folder / split
        place.mkdir(parents=True)
        (place / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
        (place / "state.json").write_text("{}")
        table = rows(first)
        name = str(place / "data-00000-of-00001.arrow")
        with pyarrow.OSFile(name, "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as out:
            out.write_table(table)
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')


def parquet(folder):
    """What the hub's converter leaves: row groups, features in the schema."""
    from pyarrow import parquet as pq

    (folder / "data").mkdir(parents=True)
    told = {b"huggingface": json.dumps({"info": {"features": FEATURES}}).encode()}
    for split, first in (("train", 0), ("test", 4)):
        table = rows(first).replace_schema_metadata(told)
        pq.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet", row_group_size=3)


@pytest.mark.parametrize("write", [saved, parquet])
def test_folders_of_datasets(tmp_path, write):
    write(tmp_path / "data")
    dataset = load_dataset(section(tmp_path, f"kind: huggingface, splits: {HALVES}"))
    assert dataset.ids[0] == "train/0000000"
    check(dataset)
    with pytest.raises(DataError, match="has no list 'trian'; there are: test, train"):
        load_dataset(
            section(tmp_path, "kind: huggingface, splits: " + HALVES.replace("train", "trian"))
        )
    with pytest.raises(DataError, match="has no column 'img'; there are: image, label"):
        load_dataset(section(tmp_path, f"kind: huggingface, image: img, splits: {HALVES}"))


def test_splits_are_the_names_before_number_and_hash(tmp_path):
    names = ["train-00000-of-00002-a09b74b3ef9c3b56", "train-00001-of-00002", "0000", "my-test"]
    for name in names:
        (tmp_path / f"{name}.parquet").touch()
    found = huggingface.data_files(tmp_path)
    assert {split: [path.stem for path in paths] for split, paths in found.items()} == {
        "train": ["0000", *names[:2]], "test": ["my-test"],
    }  # fmt: skip


def test_threads_read_a_parquet_file_one_after_the_other(tmp_path, monkeypatch):
    parquet(tmp_path / "data")
    file = tmp_path / "data" / "data" / "train-00000-of-00001.parquet"
    opened, both, met = huggingface._opened(file), threading.Barrier(2), []

    class Watched:
        def read_row_group(self, group, columns):
            with suppress(threading.BrokenBarrierError):  # the other reader did not come meanwhile
                met.append(both.wait(0.2))
            return opened.read_row_group(group, columns=columns)

    monkeypatch.setattr(huggingface, "_opened", lambda _: Watched())
    cells = [huggingface.Cell(file, "image", group, 0) for group in (0, 1)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(huggingface.Cell.read, cells)) == [jpeg(0), jpeg(3)]
    assert not met


def test_photos_of_datasets_that_lie_beside_are_read_below_the_root_only(tmp_path):
    from pyarrow import parquet as pq

    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg(0))
    for place, told in (
        ("a.jpg", ""),
        ("../a.jpg", "lies elsewhere"),
        ("/etc/passwd", "lies else"),
    ):
        column = pyarrow.array([{"bytes": None, "path": place}])
        pq.write_table(pyarrow.table([column, ["cat"]], names=["image", "label"]),
                       folder / "train.parquet")  # fmt: skip
        text = "kind: huggingface, splits: " + SHARES
        if told:
            with pytest.raises(DataError, match=told):
                load_dataset(section(tmp_path, text))
        else:
            (record,) = huggingface._records(section(tmp_path, text), folder, "train",
                                             [folder / "train.parquet"], [])  # fmt: skip
            assert (record.photo, record.labels) == (folder / "a.jpg", ("cat",))


def cifar(folder):
    folder.mkdir()
    (folder / "batches.meta.txt").write_text("cat\ndog\n\n")
    for name, first in (("data_batch_1", 0), ("test_batch", 4)):
        data = b""
        for i in range(first, first + 4):
            pixels = np.asarray(photo(i, (32, 32))).transpose(2, 0, 1)
            data += bytes([i % 2]) + pixels.tobytes()
        (folder / f"{name}.bin").write_bytes(data)


def test_cifar(tmp_path):
    cifar(tmp_path / "data")
    dataset = load_dataset(section(tmp_path, f"kind: cifar, splits: {HALVES}"))
    for row, image in enumerate(dataset.ids):
        number = int(image[-1]) + (4 if image.startswith("test") else 0)
        np.testing.assert_array_equal(np.asarray(dataset.load(row)), photo(number, (32, 32)))
        assert dataset.label[row].tolist() == [1 - number % 2, number % 2]
    file = tmp_path / "data" / "test_batch.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match="no multiple of 3,073"):
        load_dataset(section(tmp_path, f"kind: cifar, splits: {HALVES}"))
    (tmp_path / "data" / "batches.meta.txt").unlink()
    with pytest.raises(DataError, match="is pickled, and is not read"):
        load_dataset(section(tmp_path, f"kind: cifar, splits: {HALVES}"))


def fiftyone(folder, change=lambda _: None):
    (folder / "data").mkdir(parents=True)
    samples = []
    for i in range(8):
        name = f"data/{'train' if i < 4 else 'test'}{i % 4:02d}.jpg"
        (folder / name).write_bytes(jpeg(i))
        label = {"_cls": "Classification", "label": NAMES[i % 2]}
        samples.append({"filepath": name, "tags": ["train" if i < 4 else "test"],
                        "ground_truth": label})  # fmt: skip
    change(samples)
    (folder / "samples.json").write_text(json.dumps({"samples": samples}))


def test_an_export_of_fiftyone(tmp_path):
    fiftyone(tmp_path / "data")
    dataset = load_dataset(section(tmp_path, f"kind: fiftyone, splits: {HALVES}"))
    assert dataset.ids[0] == "data/train00"
    check(dataset)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s[0].update(filepath="../x.jpg"), "sample 0: the file '../x.jpg' is not below"),
        (lambda s: s[1].update(filepath=None), "sample 1: the file None is not below"),
        (lambda s: [one.pop("ground_truth") for one in s], "no labels in 'ground_truth'"),
        (lambda s: s.append(s[0]), "has two images 'data/train00'"),
    ],
)
def test_exports_that_do_not_fit_are_told(tmp_path, change, told):
    fiftyone(tmp_path / "data", change)
    with pytest.raises(DataError, match=told):
        load_dataset(section(tmp_path, f"kind: fiftyone, splits: {HALVES}"))


def test_tags_that_are_no_list_are_none(tmp_path):
    fiftyone(tmp_path, lambda samples: samples[0].update(tags=5))
    assert packed_layout(tmp_path)[0].lists == ["test", "train"]
    assert tags_of({"tags": 5}) == ()


def test_a_file_of_cifar_that_is_empty_is_told(tmp_path):
    cifar(tmp_path / "data")
    (tmp_path / "data" / "data_batch_1.bin").write_bytes(b"")
    with pytest.raises(DataError, match="has 0 bytes, no multiple"):
        load_dataset(section(tmp_path, f"kind: cifar, splits: {HALVES}"))


@pytest.mark.parametrize("pattern", ["**.tar", "{root}/*.tar"])
def test_shards_that_are_no_pattern_are_told(tmp_path, pattern):
    shard(tmp_path / "data" / "train.tar", 0)
    text = f'kind: webdataset, shards: ["{pattern}"], splits: {SHARES}'
    with pytest.raises(DataError) as error:
        load_dataset(section(tmp_path, text.replace("{root}", str(tmp_path / "data"))))
    assert error.value.remedy == "Correct dataset.shards."


def test_a_label_that_is_gone_is_told(tmp_path, monkeypatch):
    shard(tmp_path / "data" / "train.tar", 0, label="json")
    monkeypatch.setattr(webdataset, "PHOTO_BYTES", 0)  # every member is too large
    text = "kind: webdataset, label: json.label, splits: " + SHARES
    with pytest.raises(DataError, match=r"00.json is no label: more than 0 bytes"):
        load_dataset(section(tmp_path, text))
    layout, (fault,) = packed_layout(tmp_path / "data")
    assert layout is None
    assert "train.tar has no labels" in fault.message


def test_a_column_of_other_structs_holds_no_photos(tmp_path):
    from pyarrow import parquet as pq

    (tmp_path / "data").mkdir()
    table = pyarrow.table({"image": [{"width": 3}], "label": ["cat"]})
    pq.write_table(table, tmp_path / "data" / "train.parquet")
    with pytest.raises(DataError, match=r"The column 'image' of .* holds no photos but width"):
        load_dataset(section(tmp_path, "kind: huggingface, splits: " + SHARES))


def test_several_labels_and_none(tmp_path):
    def change(samples):
        both = [{"label": "dog"}, {"label": "cat"}, {"label": "dog"}]
        samples[0]["ground_truth"] = {"_cls": "Detections", "detections": both}
        samples[1]["ground_truth"] = None

    fiftyone(tmp_path / "data", change)
    dataset = load_dataset(section(tmp_path, f"kind: fiftyone, splits: {HALVES}"))
    assert dataset.label[:2].tolist() == [[1, 1], [-1, -1]]


def test_one_that_is_cut_off_is_skipped_with_its_reason(tmp_path):
    shard(tmp_path / "data" / "train.tar", 0)
    text = "kind: webdataset, splits: " + SHARES
    dataset = load_dataset(section(tmp_path, text))
    (tmp_path / "data" / "train.tar").write_bytes(b"")
    with pytest.raises(UnreadableImage, match="the file is empty"):
        dataset.load(0)


def shards(folder):
    shard(folder / "train-0.tar", 0, label="txt")
    shard(folder / "test-0.tar", 4, label="txt")


@pytest.mark.parametrize("write", [fiftyone, saved, parquet, cifar, shards])
def test_init_knows_them(home, capsys, write):  # noqa: F811
    write(home / "data")
    spec, out = init(capsys, "data", "--teacher", "head")
    assert spec.dataset.task == "single_label"
    dataset = load_dataset(spec.dataset)
    assert dataset.classes == ("cat", "dog")
    assert [dataset.split.count(name) for name in ("fit", "tune", "holdout")] == [4, 2, 2]
    assert "divided into two halves" in out


def numbered(folder):
    shard(folder / "train-0.tar", 0)
    shard(folder / "test-0.tar", 4)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classnames.txt", "cat\ndog\n"),
        ("dataset_info.json", json.dumps({"features": FEATURES})),
        ("", ""),
    ],
)
def test_init_names_the_classes_of_shards_that_have_numbers(home, capsys, file, text):  # noqa: F811
    numbered(home / "data")
    if file:
        (home / "data" / file).write_text(text)
    more = [] if file else ["--class", "cat", "--class", "dog"]
    spec, _ = init(capsys, "data", "--teacher", "head", *more)
    assert load_dataset(spec.dataset).classes == ("cat", "dog")


def test_numbers_that_have_no_names_are_told(home, capsys):  # noqa: F811
    numbered(home / "data")
    assert main(["init", "data", "--teacher", "head", "--class", "cat"]) == 1
    assert "The classes are the numbers 0 to 1, and --class names 1." in capsys.readouterr().err
    _, out = init(capsys, "data", "--teacher", "head")
    assert "the classes are numbers: --class names them, in their order" in out


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ({"name": "cat"}, r"{'name': 'cat'} is no class: neither a name nor a whole number"),
        (1.5, r"1\.5 is no class"),
        ([["cat"]], r"\['cat'\] is no class"),
    ],
)
def test_labels_that_are_neither_names_nor_numbers_are_told(label, told):
    values = label if isinstance(label, list) else [label]
    with pytest.raises(DataError, match=told):
        class_names(values, NAMES, "train.tar: 00.json")


def test_whole_numbers_count_whatever_their_type():
    assert class_names([1, 0.0, "1", "cat"], NAMES, "labels") == ("dog", "cat")


def test_names_that_stand_twice_are_told(tmp_path):
    cifar(tmp_path / "data")
    (tmp_path / "data" / "batches.meta.txt").write_text("cat\ncat\n")
    with pytest.raises(DataError, match="two classes are called 'cat'"):
        load_dataset(section(tmp_path, f"kind: cifar, splits: {HALVES}"))


def test_images_without_any_label_are_told(tmp_path):
    shard(tmp_path / "data" / "train.tar", 0, label="json")
    text = f"kind: webdataset, label: json.name, splits: {SHARES}"
    with pytest.raises(DataError, match=r"no image has a label") as caught:
        load_dataset(section(tmp_path, text))
    assert "dataset.label" in caught.value.remedy
