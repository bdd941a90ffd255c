"""``inficond compare --gamma``: oracles of several gammas, by hand from a linear softmax."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import ATTRS, small_arrays
from PIL import Image
from precompute_factory import photo, write_table
from scipy.special import softmax

from inficond_panel import open_students
from inficond_panel.errors import DataError
from inficond_panel.store import open_store, write_store
from precompute.encoder.image import Preprocessing

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.commands]

COUNT, GAMMAS = 32, (0.0, 0.5, 2.0)
#: Of a linear network of five classes, in the order of the teacher's.
WEIGHT = np.random.default_rng(2).normal(0, 0.4, (5, 36)).astype(np.float32)
CLASSES = ("bicycle", "tv monitor", "sheep", "bird")
HIGHER = {"bicycle": "thing", "tv monitor": "thing", "sheep": "animal", "bird": "animal"}
SPEC = """\
title: <b>Photos</b>
store: a.zarr
dataset: {kind: table, root: ., images: images, labels: labels.csv, task: single_label,
          splits: {fit: fit.txt, tune: {from: rest.txt, share: 0.5}, holdout: rest}}
concepts: {corpus: words.txt, encoder: {kind: open_clip, model: ViT-B-32, pretrained: none.pt}}
teacher:
  kind: torchscript
  path: teacher.pt
  activation: softmax
  batch: 5
  classes: [bird, sheep, bicycle, tv monitor, other]
  preprocessing: {size: [4, 3], mean: [0.5, 0.5, 0.5], std: [0.2, 0.25, 0.3], crop: 0}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A spec with photos, a linear teacher, and a store whose logits are that teacher's."""
    folder = tmp_path_factory.mktemp("gammas")
    (folder / "images").mkdir()
    rng = np.random.default_rng(0)
    ids = [f"photo-{i:02d}" for i in range(COUNT)]
    label = np.eye(4, dtype=int)[np.arange(COUNT) % 4]
    for i, name in enumerate(ids):
        photo(i, (8, 6)).save(folder / "images" / f"{name}.png")
    write_table(folder / "labels.csv", ids, label, CLASSES)
    order = rng.permutation(COUNT)
    (folder / "fit.txt").write_text("\n".join(ids[i] for i in sorted(order[:24])))
    (folder / "rest.txt").write_text("\n".join(ids[i] for i in sorted(order[24:])))
    (folder / "words.txt").write_text("wheel\n")
    teacher = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 5, bias=False))
    teacher[1].weight.data = torch.from_numpy(WEIGHT)
    torch.jit.trace(teacher, torch.zeros(1, 3, 3, 4)).save(folder / "teacher.pt")
    (folder / "spec.yaml").write_text(SPEC)
    every = by_hand(folder, ids, label, 0.0)
    split = np.where(np.isin(np.arange(COUNT), order[:24]), "fit", "tune")
    arrays = small_arrays(images=COUNT) | {"image": np.array(ids), "label": label, "split": split}
    arrays |= {"teacher_logit": every[:, :4], "other_logit": every[:, 4:]}
    arrays["other_class"] = np.array(["other"])
    facts = {"title": "<b>Photos</b>", "task": "single_label", "teacher_activation": "softmax"}
    write_store(folder / "a.zarr", arrays, {**ATTRS, **facts})
    return folder


def by_hand(folder: Path, ids, label, gamma):
    """Logits (n, 5) of eq. 2 for a linear network: dL/dx = (softmax(z) - y)' W."""
    prepare = Preprocessing((4, 3), (0.5, 0.5, 0.5), (0.2, 0.25, 0.3)).prepare
    x = np.stack([prepare(Image.open(folder / "images" / f"{i}.png")).ravel() for i in ids])
    weight = WEIGHT[[2, 3, 1, 0, 4]]  # in the order of CLASSES, other
    slope = softmax(x @ weight.T, axis=1) - np.hstack([label, np.zeros((len(label), 1))])
    return (x - gamma * np.abs(x) * (slope @ weight)) @ weight.T


def arguments(folder, *more, gammas=GAMMAS):
    return "compare", folder / "spec.yaml", "--gamma", *gammas, "--draws", 20, *more, "--json"


def by_definition(points, group):
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    found = []
    for i, own in enumerate(group):
        a = distance[i][(group == own) & (np.arange(len(group)) != i)].mean()
        b = min(distance[i][group == other].mean() for other in set(group) - {own})
        found.append((b - a) / max(a, b))
    return np.mean(found)


@pytest.fixture
def higher(folder) -> list:
    """Arguments for super-classes from a file."""
    rows = ["class,group", *(",".join(pair) for pair in HIGHER.items())]
    (folder / "higher.csv").write_text("\n".join(rows))
    return ["--super", folder / "higher.csv"]


@pytest.fixture(scope="module")
def sweeps() -> dict:
    """The sweep of the module, once it was made."""
    return {}


@pytest.fixture
def swept(folder, higher, run, sweeps) -> tuple[dict, dict[str, str]]:
    """The document of a sweep with super-classes, and the files that it wrote; made once."""
    if not sweeps:
        found = json.loads(run(*arguments(folder, *higher, "--output", folder / "out"))[1])
        files = {path.name: path.read_text() for path in (folder / "out").iterdir()}
        sweeps.update(found=found, files=files)
    return sweeps["found"], sweeps["files"]


def test_the_files_of_a_sweep_have_a_row_for_each_gamma(swept):
    swept, files = swept
    assert set(files) == {"gammas.csv", "reliability.csv", "map.csv", "gammas.html"}
    rows = list(csv.DictReader(files["gammas.csv"].splitlines()))
    assert [float(row["gamma"]) for row in rows[:3]] == list(GAMMAS)
    assert [row["mark"] for row in rows[:2]] == ["", "has seen the label"]
    values = [row["value"] for row in swept["gammas"]["rows"]]
    assert [float(row["value"]) for row in rows] == pytest.approx(values)


def test_the_map_has_a_point_for_each_image(swept):
    _, files = swept
    points = list(csv.DictReader(files["map.csv"].splitlines()))
    assert len(points) == 24
    assert {"0_x", "0.5_y", "2_x", "group", "super"} <= set(points[0])


def test_the_page_has_a_picture_of_each_image_for_each_gamma(swept):
    _, files = swept
    page = files["gammas.html"]
    assert page.count("data:image/jpeg;base64,") == 3 * 24
    assert "Largest silhouette by super-class: gamma" in page


def test_each_gamma_has_its_measures(folder, swept):
    """Top-1, ECE (eq. 5), entropy, and the silhouette by its definition (eq. 6), by hand."""
    swept, _ = swept
    store = open_store(folder / "a.zarr")
    rows = store.rows("fit")
    ids, label = [store.images[i] for i in rows], np.asarray(store.label[rows])
    values = pd.DataFrame(swept["gammas"]["rows"]).set_index(["gamma", "measure"])
    for gamma in GAMMAS:
        found = values.loc[gamma, "value"]
        logit = by_hand(folder, ids, label, gamma)
        p, truth = softmax(logit, axis=1), label.argmax(axis=1)
        right = p.argmax(axis=1) == truth
        assert found["top1"] == pytest.approx(right.mean())
        assert found["entropy_softmax"] == pytest.approx(-(p * np.log(p)).sum(1).mean(), rel=1e-4)
        where = np.minimum((p.max(axis=1) * 15).astype(int), 14)
        gaps = [abs((right - p.max(axis=1))[where == b].sum()) for b in range(15)]
        assert found["top_ece"] == pytest.approx(sum(gaps) / len(p), abs=1e-5)
        higher = np.array([HIGHER[CLASSES[k]] for k in truth])
        for name, group in (("silhouette", truth), ("silhouette_super", higher)):
            assert found[name] == pytest.approx(by_definition(logit, group), abs=1e-4)


def test_changes_are_against_gamma_0(swept):
    swept, _ = swept
    values = pd.DataFrame(swept["gammas"]["rows"]).set_index(["gamma", "measure"])
    silhouettes = values.xs("silhouette", level="measure")
    change = silhouettes.loc[2.0, "value"] - silhouettes.loc[0.0, "value"]
    assert silhouettes.loc[2.0, "change"] == pytest.approx(change)
    assert swept["gammas"]["best"]["silhouette"] == silhouettes["value"].idxmax()
    assert values.loc[0.0, "change"].isna().all()


def test_a_gamma_is_computed_once(folder, higher, swept, run, monkeypatch):
    swept, _ = swept
    monkeypatch.delattr("precompute.teachers.applied._Sweep.computed")
    again = json.loads(run(*arguments(folder, *higher))[1])
    assert again["gammas"]["rows"] == swept["gammas"]["rows"]


def test_a_column_of_the_store_will_do_as_super_class(folder, tmp_path):
    students = open_students(folder / "spec.yaml", history=tmp_path / "h.sqlite")
    swept = students.oracle_sweep([0.5], draws=5)
    assert swept.gammas == [0.0, 0.5]
    found = students.plot.gammas(swept)
    curve = found["silhouette, sub-class"]
    assert curve.dimension_values("gamma").tolist() == [0.0, 0.5]
    values = [each.measures["silhouette"].estimate for each in swept.oracles]
    np.testing.assert_allclose(curve.dimension_values(1), values)
    np.testing.assert_allclose(swept.table.loc["silhouette", "value"], values)
    change = swept.table.loc[("silhouette", 0.5), ["change_low", "change", "change_high"]]
    limits = swept.oracles[1].changes["silhouette"]
    assert change.tolist() == [limits.low, limits.estimate, limits.high]
    with pytest.raises(DataError, match=r"no measure 'silhouete'\. Did you mean 'silhouette'"):
        swept.best("silhouete")
    maps = students.plot.gamma_maps(swept)
    assert maps.keys() == [0.0, 0.5]
    assert len(maps[0.5]) == 24
    assert maps[0.5].opts.get("plot").kwargs["legend_position"] == "right"  # not over images


def test_what_cannot_be_is_told_and_nothing_is_half_made(folder, run, tmp_path):
    for gammas, more, told in (
        ((0.5, 1e38), (), "gamma 1e+38 is too large"),
        ((0.5,), ("--super", "nowhere"), "no metadata column and no file 'nowhere'"),
        ((0.5,), ("--alpha", "1"), "--alpha is not used with --gamma"),
    ):
        before = set(folder.glob("a.oracles/*"))
        out = ["--output", tmp_path / "out"]
        status, _, error = run(*arguments(folder, *more, *out, gammas=gammas))
        assert (status, told in error) == (1, True)
        assert not list(tmp_path.iterdir())
        after = set(folder.glob("a.oracles/*"))
        assert all("1e+38" not in path.name for path in after)
        assert before <= after
