"""inficond init on layouts with a fault, layouts of other tools, and folders of no class."""

import json
import shutil

import pytest
from factory import small_store
from frames import frames
from test_init import home, init, photos, refused  # noqa: F401

from inficond_panel import from_frames
from inficond_panel.cli import main
from precompute.datasets import load_dataset
from precompute.detect.folders import is_split_name

pytestmark = pytest.mark.commands

NAMES = ("cat", "dog", "bus")
FOLDERS = ("train2017", "val2017")


def coco(root, change=lambda document: None):
    """Photos in two folders of splits, and JSON of COCO; ``change`` edits each document."""
    for folder, ids in zip(FOLDERS, (range(1, 13), range(31, 43)), strict=True):
        photos(root / folder, [f"{i}.jpg" for i in ids])
        document = {
            "images": [{"id": i, "file_name": f"{i}.jpg"} for i in ids],
            "annotations": [{"id": i, "image_id": i, "category_id": i % 3} for i in ids],
            "categories": [{"id": k, "name": name} for k, name in enumerate(NAMES)],
        }
        change(document)
        file = root / "annotations" / f"instances_{folder}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(document, indent=0))
    return root / "annotations" / "instances_train2017.json"


def extend(key, entry):
    return lambda document: document[key].append(entry)


def each(key, **changes):
    """Change of all entries of a list, by functions of an entry."""

    def change(document):
        for entry in document[key]:
            entry.update({name: make(entry) for name, make in changes.items()})

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            each("annotations", image_id=lambda entry: str(entry["image_id"])),
            "annotations[0] refers to the missing image '1': here the id is a text, there a number",
        ),
        (
            each("images", id=lambda entry: str(entry["id"])),
            "annotations[0] refers to the missing image 1: here the id is a number, there a text",
        ),
        (
            each("annotations", image_id=lambda entry: float(entry["image_id"])),
            "annotations[0].image_id is 1.0; expected a text or a whole number",
        ),
        (
            each("annotations", image_id=lambda _: True),
            "annotations[0].image_id is True; expected a text or a whole number",
        ),
        (
            each("annotations", category_id=lambda entry: str(entry["category_id"])),
            "annotations[0] refers to the missing category '1': here the id is a text",
        ),
        (extend("categories", {"id": 99, "name": "cat"}), "categories[3], the category 'cat' or"),
        (extend("categories", {"id": 99, "name": " cat"}), "categories[3], the category 'cat' or"),
        (extend("categories", {"id": 0, "name": "cow"}), "categories[3], the category 'cow' or"),
        (extend("categories", {"id": 7}), "categories[3].name is missing"),
        (extend("images", {"id": 1, "file_name": "x.jpg"}), "images[12], the image 'x' or its id"),
        (extend("images", {"id": 99, "file_name": "1.jpg"}), "images[12], the image '1' or its"),
        (extend("images", "1.jpg"), "images[12] is no object"),
        (
            extend("annotations", {"image_id": 10**6, "category_id": 1}),
            "annotations[12] refers to the missing image 1000000",
        ),
        (
            extend("annotations", {"image_id": 1, "category_id": 9}),
            "annotations[12] refers to the missing category 9",
        ),
    ],
)
def test_a_fault_in_an_entry_of_coco_stops_init(home, capsys, change, told):  # noqa: F811
    coco(home / "data", change)
    assert told in refused(capsys, "data")


def test_a_fault_in_an_entry_of_coco_is_told_with_line_and_column(home, capsys):  # noqa: F811
    file = coco(home / "data", extend("annotations", {"image_id": 10**6, "category_id": 1}))
    lines = file.read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if "1000000" in line) - 1  # the brace before
    assert f"{file.relative_to(home)}:{number}:1: not a valid" in refused(capsys, "data")


@pytest.mark.parametrize("lost", ["images", "annotations", "categories"])
def test_coco_without_one_of_its_lists_stops_init(home, capsys, lost):  # noqa: F811
    coco(home / "data", lambda document: document.pop(lost))
    assert (
        f"train2017.json: not a valid COCO file of instances: it has no list '{lost}'"
        in refused(capsys, "data")
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda text: text[:-40], "it breaks off"),
        (lambda text: text[:200], "it breaks off"),
        (lambda text: text.replace(",", ";", 1), "it is not JSON: Expecting ',' delimiter"),
        (lambda _: "", "instances_train2017.json: not a valid COCO file of instances: it is empty"),
        (lambda _: " \n", "it is empty"),
        (lambda text: f"[{text}]", "its top level is a list, as of results; expected an object"),
        (lambda _: "[]", "its top level is a list"),
        (lambda _: "3", "it has no list 'categories'"),
        (lambda text: text.encode("utf-16"), "byte 1 is not UTF-8"),
    ],
)
def test_coco_whose_json_is_damaged_stops_init(home, capsys, content, told):  # noqa: F811
    file = coco(home / "data")
    made = content(file.read_text())
    file.write_bytes(made if isinstance(made, bytes) else made.encode())
    assert told in refused(capsys, "data")


@pytest.mark.parametrize("name", ["train.json", "my_labels.json"])
def test_damaged_coco_is_known_by_its_keys(home, capsys, name):  # noqa: F811
    file = coco(home / "data")
    (file.parent / "instances_val2017.json").unlink()
    file.write_text(file.read_text()[:-40])
    file.rename(file.with_name(name))
    assert f"{name}:" in refused(capsys, "data")


def test_coco_with_a_mark_of_byte_order_is_read(home, capsys):  # noqa: F811
    file = coco(home / "data")
    file.write_text(file.read_text(), encoding="utf-8-sig")
    assert init(capsys, "data")[0].dataset.kind == "coco"


@pytest.mark.parametrize("start", ["{}\\", "C:\\data\\{}\\", "\\\\server\\{}\\", "/home/me/{}/"])
def test_coco_with_paths_of_another_computer_is_read(home, capsys, start):  # noqa: F811
    def change(document):
        folder = FOLDERS[document["images"][0]["id"] > 30]
        for image in document["images"]:
            image["file_name"] = start.format(folder) + image["file_name"]

    coco(home / "data", change)
    dataset = load_dataset(init(capsys, "data")[0].dataset)
    assert all(dataset.load(i).size == (6, 5) for i in range(24))


def test_captions_of_coco_are_no_labels(home, capsys):  # noqa: F811
    file = coco(home / "data")
    for folder in FOLDERS:
        json_file = file.with_name(f"instances_{folder}.json")
        json_file.rename(file.with_name(f"captions_{folder}.json"))
    assert "captions_train2017.json is JSON of COCO without labels of" in refused(capsys, "data")


def test_coco_finds_photos_in_a_folder_of_any_name(home, capsys):  # noqa: F811
    file = coco(home / "data")
    (home / "data" / "pool").mkdir()
    for folder in FOLDERS:
        for photo in (home / "data" / folder).iterdir():
            photo.rename(home / "data" / "pool" / photo.name)
        (home / "data" / folder).rmdir()
    file.rename(home / "data" / "labels.json")
    spec, _ = init(capsys, "data")
    assert spec.dataset.images.name == "pool"


@pytest.mark.parametrize("command", ["init", "check", "precompute"])
def test_photos_without_files_are_told(home, capsys, command):  # noqa: F811
    coco(home / "data")
    if command != "init":
        init(capsys, "data")
    shutil.rmtree(home / "data" / "val2017")
    assert main([command, "data" if command == "init" else "data.yaml"]) == 1
    assert "12 of 24 images have no file, the first are 3" in capsys.readouterr().err


def voc(root, broken=""):
    for i in range(12):
        photos(root / "JPEGImages", [f"{i:03d}.jpg"])
        (root / "Annotations").mkdir(exist_ok=True)
        text = f"<annotation>\n<object><name>{NAMES[i % 3]}</name></object></annotation>"
        (root / "Annotations" / f"{i:03d}.xml").write_text(broken if broken and i == 5 else text)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("<annotation>\n<object>", "Annotations/005.xml:2:9: not a readable annotation: no elem"),
        ("", "data/Annotations holds no XML file"),
        ("<annotation><object/></annotation>", "005.xml has an object without a name"),
    ],
)
def test_voc_with_a_fault_stops_init(home, capsys, broken, told):  # noqa: F811
    voc(home / "data", broken)
    photos(home / "data" / "SegmentationClass", ["000.png"])
    for path in () if broken else (home / "data" / "Annotations").iterdir():
        path.unlink()
    assert told in refused(capsys, "data")


def test_voc_without_annotations_stops_init(home, capsys):  # noqa: F811
    voc(home / "data")
    (home / "data" / "ImageSets" / "Main").mkdir(parents=True)
    photos(home / "data" / "SegmentationClass", ["000.png"])
    shutil.rmtree(home / "data" / "Annotations")
    assert "data has JPEGImages and ImageSets, as PASCAL VOC, but no" in refused(capsys, "data")


@pytest.mark.parametrize("damage", ["cut", "empty", "gone"])
def test_a_store_with_a_damaged_zarr_json_stops_init(home, capsys, damage):  # noqa: F811
    small_store(home / "a.zarr")
    file = home / "a.zarr" / "zarr.json"
    text = file.read_text()
    file.unlink() if damage == "gone" else file.write_text(text[:90] if damage == "cut" else "")
    assert "a.zarr cannot be read as a store" in refused(capsys, "a.zarr")


def two_folders(root, names=("pictures", "depth")):
    """Photos of equal names in two folders, which could be taken for classes."""
    photos(root, [f"{name}/{i}.jpg" for name in names for i in range(20)])


CELEBA = "12\nSmiling Young\n" + "\n".join(f"{i}.jpg 1 -1" for i in range(12))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("labels.csv", "image_id,cat\n1,1\n2\n", "data/labels.csv:3: 1 cell, but the header has 2"),
        ("labels.csv", "image_id,cat,cat\n1,1,0\n", "labels.csv:1: column 3 is called 'cat', like"),
        ("list_attr_celeba.txt", f"{CELEBA} 1", "list_attr_celeba.txt:14: 4 cells, but the header"),
        ("metadata.csv", "img_id,y,split\n1,1,0\n2,1\n", "data/metadata.csv:3: 2 cells, but the"),
        ("metadata.jsonl", '{"file_name": "1.jpg"\n', "data/metadata.jsonl:1:22: this line is not"),
        ("metadata.jsonl", '["1.jpg"]\n', "data/metadata.jsonl:1:1: this line is no JSON object"),
        ("metadata.csv", "file_name,label\n", "data/metadata.csv has no row"),
    ],
)
def test_a_table_of_labels_with_a_fault_stops_init(home, capsys, name, text, told):  # noqa: F811
    two_folders(home / "data")
    (home / "data" / name).write_text(text)
    assert told in refused(capsys, "data")


@pytest.mark.parametrize("name", ["labels.csv", "train.csv", "metadata.jsonl"])
def test_a_table_of_labels_in_another_encoding_stops_init(home, capsys, name):  # noqa: F811
    two_folders(home / "data")
    (home / "data" / name).write_bytes("image_id,cat\n1,1\n".encode("utf-16"))
    assert f"data/{name} cannot be read as" in refused(capsys, "data")


def test_a_cell_that_is_no_label_stops_init_beside_two_folders(home, capsys):  # noqa: F811
    two_folders(home / "data")
    rows = [f"{i},{'often' if i == 7 else i % 2}" for i in range(20)]
    (home / "data" / "labels.csv").write_text("\n".join(["image_id,cat", *rows]))
    assert "data/labels.csv:9: 'cat' of image '7' is 'often'; exp" in refused(capsys, "data")


def test_a_faulty_column_of_labels_becomes_no_metadata(home, capsys):  # noqa: F811
    two_folders(home / "data", ["pictures"])
    rows = [f"{i}.jpg,{i % 2},{'maybe' if i == 7 else 1 - i % 2}" for i in range(20)]
    (home / "data" / "all.csv").write_text("\n".join(["file,cat,dog", *rows]))
    assert "data/all.csv:9: 'dog' of image '7.jpg' is 'maybe'; exp" in refused(capsys, "data")


@pytest.mark.parametrize(
    "names",
    [
        ("train", "test"),
        ("train", "val", "test"),
        FOLDERS,
        ("Training", "Testing"),
        ("train", "valid"),
        ("train_images", "test_images"),
        ("trainA", "trainB", "testA", "testB"),
        ("dev", "validation"),
        ("cats", "dogs", "test"),
        ("images", "masks"),
        ("images", "labels"),
        ("JPEGImages", "SegmentationClass"),
        ("train/images", "valid/images"),
    ],
)
def test_folders_of_splits_and_parts_are_no_classes(home, capsys, names):  # noqa: F811
    two_folders(home / "data", names)
    assert "If they are classes, say so: --class" in refused(capsys, "data")


@pytest.mark.parametrize(
    "names",
    [
        ("cat", "train"),
        ("train_station", "harbour"),
        ("mask", "no_mask"),
        ("testudo", "valley"),
        ("2017", "2018"),
    ],
)
def test_folders_with_names_of_classes_are_classes(home, capsys, names):  # noqa: F811
    two_folders(home / "data", names)
    spec, _ = init(capsys, "data")
    assert load_dataset(spec.dataset).classes == tuple(sorted(names))


def test_a_person_can_say_that_folders_of_splits_are_classes(home, capsys):  # noqa: F811
    two_folders(home / "data", ("train", "test"))
    spec, _ = init(capsys, "data", "--class", "train", "--class", "test")
    assert load_dataset(spec.dataset).classes == ("train", "test")


def test_a_folder_of_a_split_beside_named_classes_is_told(home, capsys):  # noqa: F811
    two_folders(home / "data", ("cats", "dogs", "test"))
    told = refused(capsys, "data", "--class", "cats", "--class", "dogs")
    assert "data: folders named like splits, not like classes: test." in told


@pytest.mark.parametrize("name", ["train", "Test", "val2017", "dev-set", "images_test", "testB"])
def test_a_name_of_a_split(name):
    assert is_split_name(name)


@pytest.mark.parametrize("name", ["trains", "station", "training shoe", "evaluate", "cat", ""])
def test_a_name_of_no_split(name):
    assert not is_split_name(name)


def test_folders_of_classes_in_folders_of_splits_stay(home, capsys):  # noqa: F811
    two_folders(home / "data", [f"{split}/{name}" for split in ("train", "val") for name in NAMES])
    spec, _ = init(capsys, "data")
    assert load_dataset(spec.dataset).classes == ("bus", "cat", "dog")


def test_folders_of_systems_are_no_classes(home, capsys):  # noqa: F811
    places = ("@eaDir", ".thumbnails", "__MACOSX", "lost+found", "$RECYCLE.BIN", "cat/@eaDir")
    two_folders(home / "data", ("cat", "dog", *places))
    assert load_dataset(init(capsys, "data")[0].dataset).classes == ("cat", "dog")


YOLO = "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 0.1\n"
STUDIO = '[{"id": 1, "data": {"image": "1.jpg"}, "annotations": [{"result": []}]}]'


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"data.yaml": "train: a\nval: b\nnames: [cat]\n"}, "data.yaml looks like a data set of Y"),
        ({"labels/1.txt": YOLO}, "data/labels looks like a data set of YOLO"),
        ({"labels/train/1.txt": YOLO}, "data/labels looks like a data set of YOLO"),
        ({"train/labels/1.txt": YOLO}, "data/train/labels looks like a data set of YOLO"),
        ({"pictures/1.txt": YOLO}, "data/pictures looks like a data set of YOLO"),
        ({"obj.names": "cat\n"}, "data looks like a data set of YOLO"),
        ({"labels.json": '{"classes": ["cat"], "labels": {"1": 0}}'}, "an export of FiftyOne"),
        ({"project-1.json": STUDIO}, "project-1.json looks like an export of Label Studio"),
        ({"annotations.xml": "<annotations>\n<version>1.1"}, "looks like an export of CVAT"),
        ({"marks/1.xml": "<annotation><filename>1.jpg"}, "looks like PASCAL VOC in other folders"),
        (
            {"pictures/1.json": '{"shapes": [], "imagePath": "1.jpg"}'},
            "looks like files of LabelMe",
        ),
        ({"via.json": '{"_via_settings": {}}'}, "via.json looks like a project of VIA"),
        ({"a.json": '[{"image": "1", "annotations": [{"coordinates": {}}]}]'}, "file of CreateML"),
        ({"train.tfrecord": ""}, "train.tfrecord looks like records of TensorFlow"),
    ],
)
def test_a_layout_of_another_tool_is_named(home, capsys, files, told):  # noqa: F811
    two_folders(home / "data")
    for name, text in files.items():
        (home / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "data" / name).write_text(text)
    assert told in refused(capsys, "data")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.yaml", "title: photos\nnames of people: none\n"),
        ("notes.json", '{"camera": "a"}'),
        ("cat/1.txt", "a caption of this photo\n"),
        ("labels.txt", "cat\ndog\n"),
        ("layout.xml", "<page/>"),
    ],
)
def test_other_files_beside_folders_of_classes_hide_no_class(home, capsys, name, text):  # noqa: F811
    two_folders(home / "data", ("cat", "dog"))
    (home / "data" / name).write_text(text)
    assert load_dataset(init(capsys, "data")[0].dataset).classes == ("cat", "dog")


def test_a_table_without_labels_is_named_with_the_reason(home, capsys):  # noqa: F811
    two_folders(home / "data", NAMES)
    rows = [f"{name}/{i}.jpg,a photo of {name} no. {i}" for name in NAMES for i in range(20)]
    (home / "data" / "captions.csv").write_text("\n".join(["file_name,text", *rows]))
    assert "not used: captions.csv, as it has no column of labels." in init(capsys, "data")[1]


def test_a_table_that_was_not_used_is_named_beside_folders_of_splits(home, capsys):  # noqa: F811
    two_folders(home / "data", ("train", "test"))
    (home / "data" / "list.csv").write_text("file_name,label\nelse/1.jpg,cat\nelse/2.jpg,dog\n")
    told = refused(capsys, "data")
    assert "not used: list.csv, as most images in its column file_name are not here" in told


def test_a_data_set_one_folder_deeper_is_named(home, capsys):  # noqa: F811
    two_folders(home / "data", [f"inner/{name}" for name in NAMES])
    assert "If data/inner is the data set, name that folder." in refused(capsys, "data")


def test_init_refuses_a_corpus_that_is_json(home, capsys):  # noqa: F811
    two_folders(home / "data", NAMES)
    (home / "words.json").write_text('["wheel", "rail"]')
    told = refused(capsys, "data", "--corpus", "words.json")
    assert "words.json:1: this is JSON" in told
    assert "--concepts answer:words.json" in told


def test_check_refuses_a_corpus_that_is_json(home, capsys):  # noqa: F811
    two_folders(home / "data", NAMES)
    init(capsys, "data")
    (home / "data.words.txt").write_text('["wheel", "rail"]')
    assert main(["check", "data.yaml"]) == 1
    assert "data.words.txt:1: this is JSON" in capsys.readouterr().err


def test_check_tells_a_fault_of_the_data_set(home, capsys):  # noqa: F811
    file = coco(home / "data")
    init(capsys, "data")
    file.write_text(file.read_text()[:-40])
    assert main(["check", "data.yaml"]) == 1
    assert "not a valid COCO file of instances: it breaks off" in capsys.readouterr().err


def test_a_store_without_photos_is_no_data_set(tmp_path, capsys):
    store = from_frames(**frames(40), path=tmp_path / "own.zarr").tuner.store
    assert "Name a store that was made from photos." in refused(capsys, store.path)
