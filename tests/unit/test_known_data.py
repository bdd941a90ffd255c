"""The worked examples on painted photos in the layouts of the data sets, and on real photos."""

import os
import re
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_benchmark_layouts import home, paint, waterbirds, write_csv  # noqa: F401

from inficond_panel.common.installation import shipped_folder
from inficond_panel.spec import find_spec, load_spec
from precompute.datasets import load_dataset
from precompute.download import write_tables

EXAMPLE = Path(__file__).parents[2] / "examples" / "known_data.py"
PLACES = ("forest", "water")


def by_turns(number):
    """Logits of the teacher where two classes take turns."""
    return [-2.0, 2.0] if number % 2 else [2.0, -2.0]


def birds(root):
    _, logits = waterbirds(root / "waterbird_complete95_forest2water2")
    return ["waterbird"], {str(image): [logit] for image, logit in logits}


def voc(root):
    """Each class by the colour of its things; every seventh photo has both."""
    place = root / "voc2007" / "VOCdevkit" / "VOC2007"
    lists = place / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (place / "Annotations").mkdir()
    names = [f"{number:06d}" for number in range(120)]
    logits = {}
    for number, name in enumerate(names):
        kinds = {("bicycle", "tvmonitor")[number % 2], *(["bicycle"] if number % 7 == 0 else [])}
        logits[name] = [4.0 * (kind in kinds) - 2 for kind in ("bicycle", "tvmonitor")]
        thing = ("gull", "wren")["tvmonitor" in kinds]
        paint(place / "JPEGImages" / f"{name}.jpg", thing, PLACES[number % 3 % 2], number)
        boxes = (f"<object><name>{kind}</name></object>" for kind in kinds)
        (place / "Annotations" / f"{name}.xml").write_text(f"<a>{''.join(boxes)}</a>")
    for part, members in (("trainval", names[:60]), ("test", names[60:])):
        for stem in (part, f"bicycle_{part}", f"tvmonitor_{part}"):
            (lists / f"{stem}.txt").write_text("\n".join(members))
    return ["bicycle", "tvmonitor"], logits


def cub(root):
    place = root / "cub200" / "CUB_200_2011"
    place.mkdir(parents=True)
    kinds = ["001.White_Gull", "002.Brown_Wren"]
    paths = [f"{kinds[i % 2]}/{i}.jpg" for i in range(80)]
    for i, path in enumerate(paths):
        paint(place / "images" / path, ("gull", "wren")[i % 2], PLACES[i % 3 % 2], i)
    lists = {
        "images": paths,
        "classes": kinds,
        "image_class_labels": [str(1 + i % 2) for i in range(80)],
        "train_test_split": [str(int(i < 40)) for i in range(80)],
    }
    for name, lines in lists.items():
        (place / f"{name}.txt").write_text("\n".join(f"{i} {x}" for i, x in enumerate(lines, 1)))
    (root / "cub200" / "attributes.txt").write_text("1 has_x::gull\n2 has_x::wren\n3 has_x::sand\n")
    write_tables(root / "cub200")
    ids = [f"CUB_200_2011/images/{path.removesuffix('.jpg')}" for path in paths]
    return ["White Gull", "Brown Wren"], {name: by_turns(i) for i, name in enumerate(ids)}


def imagenet(root):
    """Two classes that are both called crane, as two of the thousand are."""
    torch, _ = pytest.importorskip("torch"), pytest.importorskip("torchvision")
    root, logits = root / "imagenet", {}
    for split, count in (("train", 60), ("val", 40)):
        for i in range(count):
            logits[f"{split}/{i:06d}"] = by_turns(i >= count // 2)
            place = root / split / ("n02012849", "n03126707")[i % 2]
            paint(place / f"{split}_{i}.JPEG", ("gull", "wren")[i % 2], PLACES[i % 3 % 2], i)
    names = dict.fromkeys(("n02012849", "n03126707"), ("crane",))
    torch.save((names, ["n02012849"]), root / "meta.bin")
    return ["crane (n02012849)", "crane (n03126707)"], logits


def spec_of(name: str, home: Path, **changed: str) -> Path:  # noqa: F811
    """The spec that comes along, with parts of other texts."""
    text = find_spec(name).read_text().replace("../", f"{shipped_folder('specs')}/")
    for key, value in changed.items():
        text = re.sub(rf"\b{key}: .*", f"{key}: {value}", text)
    (home / f"{name}.yaml").write_text(text)
    return home / f"{name}.yaml"


def shown(capsys, monkeypatch, *arguments) -> tuple[pd.DataFrame, str]:
    """The example's table, and the line behind it."""
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *map(str, arguments)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    _, table, last = capsys.readouterr().out.strip().split("\n\n")
    head, *lines = table.splitlines()
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
    values = {row[0]: [float(cell) for cell in row[1:]] for row in rows}
    return pd.DataFrame(values, index=head.split()).T, last


@pytest.mark.parametrize(
    ("name", "make", "rows"),
    [
        ("waterbirds", birds, ["worst-group accuracy", "mean accuracy"]),
        ("voc2007", voc, ["AP bicycle", "AP tvmonitor"]),
        ("cub200", cub, ["top1"]),
        ("imagenet", imagenet, ["top1"]),
    ],
)
def test_a_worked_example_runs_from_photos_to_its_table(
    name,
    make,
    rows,
    home,  # noqa: F811
    capsys,
    monkeypatch,
):
    classes, logits = make(home / "data")
    write_csv(home / "logits.csv", ["image_id", *classes], [[i, *row] for i, row in logits.items()])
    monkeypatch.setenv("INFICOND_DATA", "data")
    kind = "softmax" if name == "imagenet" else "sigmoid"
    teacher = f"{{kind: logits, path: logits.csv, activation: {kind}}}"
    changed = {"encoder": "{model: encoder}", "teacher": teacher}
    if name != "cub200":
        changed["corpus"] = "words.txt"
    spec = spec_of(name, home, **changed)
    spec.write_text(spec.read_text().replace("share: 0.04", "share: 0.5"))
    table, last = shown(capsys, monkeypatch, name, spec)
    assert list(table.index) == rows
    assert table.iloc[:, -1].min() > 0.9
    assert "Not the whole data set" in last


def test_classes_of_imagenet_with_one_name_are_two(home, monkeypatch):  # noqa: F811
    imagenet(home / "data")
    monkeypatch.setenv("INFICOND_DATA", "data")
    spec = load_spec(spec_of("imagenet", home, encoder="{model: encoder}"), check_files=False)
    spec.allow_python()
    assert load_dataset(spec.dataset).classes == ("crane (n02012849)", "crane (n03126707)")


GROUPS = {0: (130, 7, 24, 450), 1: (35, 35, 80, 80), 2: (45, 60, 150, 69)}


def test_the_page_has_the_published_figures_of_the_example():
    page = (shipped_folder("docs") / "data.md").read_text(encoding="utf-8")
    for known in runpy.run_path(str(EXAMPLE))["KNOWN"].values():
        for figure in re.findall(r"\d\.\d{2,}", known.published):
            assert figure in page


def test_what_is_missing_is_told_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("INFICOND_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "cub200"])
    with pytest.raises(SystemExit, match="cub200"):
        runpy.run_path(str(EXAMPLE), run_name="__main__")


DATA = Path(os.environ.get("INFICOND_DATA", "")) / "coco18-mini"


@pytest.mark.more
@pytest.mark.skipif(
    not DATA.is_dir(), reason="needs INFICOND_DATA, a folder with coco18-mini and encoder"
)
def test_real_photos_in_the_layout_of_waterbirds(tmp_path, capsys, monkeypatch):
    """Animals, in the training photos nearly always with people: repair lifts the worst group."""
    labels = pd.read_csv(DATA / "labels.csv", dtype={"image_id": str}, index_col="image_id")
    animal = labels[["bird", "cat", "dog", "horse"]].max(axis=1)
    root, rows = tmp_path / "waterbird_complete95_forest2water2", []
    pools = {
        (y, place): iter(labels.index[(animal == y) & (labels["person"] == place)])
        for y in (1, 0)
        for place in (1, 0)
    }
    for split, counts in GROUPS.items():
        for (group, pool), count in zip(pools.items(), counts, strict=True):
            for image, _ in zip(pool, range(count), strict=False):
                name = f"{group[0]}/{image}.jpg"
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(DATA / "images" / f"{image}.jpg", root / name)
                rows.append([len(rows), name, group[0], split, group[1], ""])
    header = ["img_id", "img_filename", "y", "split", "place", "place_filename"]
    write_csv(root / "metadata.csv", header, rows)
    monkeypatch.setenv("INFICOND_DATA", str(tmp_path))
    encoder = f"{{model: {DATA.parent}/encoder, image_size: 256}}"
    table, _ = shown(
        capsys, monkeypatch, "waterbirds", spec_of("waterbirds", tmp_path, encoder=encoder)
    )
    assert np.all(table["repaired"] > table["students"] + 0.05)
