"""Functions of installed packages that a spec names by their entry points."""

import sys

import numpy as np
import pytest
from colours import ENCODER, colour_photos

import precompute
from inficond_panel.cli import main
from inficond_panel.common.plugins import ENCODERS
from inficond_panel.predict import PageEncoder
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store

pytestmark = pytest.mark.commands

SECTION = "{kind: plugin, name: colours}"
CODE = f"""{ENCODER}
from PIL import Image
def logits(photos):
    return [[photo.size[0] - 50, 0.5] for photo in photos]
def images():
    for i in range(12):
        split = "train" if i < 6 else "test"
        yield {{"image": Image.new("RGB", (40, 40), (9 * i, 0, 200)), "labels": i % 2,
               "split": split}}
"""
POINTS = """
[inficond.encoders]
colours = shades:Colours
broken = shades_broken:make
[inficond.teachers]
sizes = shades:logits
[inficond.layouts]
drawn = shades:images
"""


def install(folder, version="1.2", points=POINTS, package="shades"):
    """Put a package's metadata on the path, as an installer does."""
    metadata = folder / f"{package}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    )
    (metadata / "entry_points.txt").write_text(points)
    return metadata


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path with the installed package shades."""
    site = tmp_path / "site"
    install(site)
    (site / "shades.py").write_text(CODE)
    (site / "shades_broken.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr("precompute.batches.run._LOADED", {})
    yield site
    sys.modules.pop("shades", None)


@pytest.fixture
def path(tmp_path, site):
    """A spec with the encoder of the package."""
    return colour_photos(tmp_path / "home", SECTION)


def replace(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def test_an_encoder_runs_without_a_permission(path):
    assert main(["precompute", str(path)]) == 0
    store = open_store(load_spec(path).store)
    expected = [[float(int(name) % 3 == c) for c in range(3)] for name in store.images]
    assert np.abs(store.concept_score - expected).max() < 0.02
    assert store.attrs["encoder"] == "colours"


def test_the_page_takes_it_as_any_encoder(path):
    PageEncoder(load_spec(path)).check()


def test_a_check_imports_no_package(path):
    assert main(["check", str(path)]) == 0
    assert not {"shades", "shades_broken"} & {*sys.modules}


def test_a_run_imports_only_what_the_spec_names(path):
    assert main(["precompute", str(path)]) == 0
    assert "shades" in sys.modules
    assert "shades_broken" not in sys.modules


def test_a_name_that_is_not_installed_is_told_with_those_that_are(path, capsys):
    replace(path, "name: colours", "name: colour")
    assert main(["check", str(path)]) == 2
    told = capsys.readouterr().err
    assert "no installed package has 'colour' in inficond.encoders" in told
    assert "installed: broken, colours" in told


def test_a_store_opens_where_the_package_is_not_installed(path):
    replace(path, "name: colours", "name: elsewhere")
    assert load_spec(path, check_files=False).concepts.encoder.name == "elsewhere"


def test_a_name_of_two_packages_is_refused(path, site, capsys):
    install(site, "3.0", f"[{ENCODERS}]\ncolours = tints:make\n", "tints")
    assert main(["check", str(path)]) == 2
    assert "several packages have 'colours'" in (told := capsys.readouterr().err)
    assert "shades 1.2, tints 3.0" in told


def test_a_package_that_cannot_be_imported_is_told(path, capsys):
    replace(path, "name: colours", "name: broken")
    assert main(["precompute", str(path)]) == 1
    assert "cannot be imported: RuntimeError" in capsys.readouterr().err


def test_another_version_of_the_package_is_another_encoder(path, site, monkeypatch):
    spec = load_spec(path)
    precompute.run(spec, spec.store, workers=1)
    assert not precompute.run(spec, spec.store).changed
    newer = site.with_name("newer")
    install(newer, "1.3")
    monkeypatch.syspath_prepend(str(newer))
    assert precompute.run(spec, spec.store, workers=1).changed


def test_a_teacher_of_a_package_gives_its_logits(path):
    teacher = "{kind: plugin, name: sizes, classes: [bicycle, train]}"
    replace(path, "{kind: logits, path: logits.csv}", teacher)
    assert main(["precompute", str(path)]) == 0
    store = open_store(load_spec(path).store)
    wide = [48 + int(name) - 50 for name in store.images]
    assert store.teacher_logit.tolist() == [[logit, 0.5] for logit in wide]


def test_a_layout_of_a_package_gives_images_and_labels(path):
    text = path.read_text()
    start, end = text.index("dataset:"), text.index("concepts:")
    splits = "splits: {fit: train, tune: {from: test, share: 0.5, seed: 3}, holdout: rest}"
    head = "teacher: {kind: head, folds: 2, l2: 0.1}\n"
    keys = f"kind: plugin, name: drawn, names: [cat, dog], across_splits: allow, {splits}"
    layout = f"dataset: {{{keys}}}\n"
    text = text[:start] + layout + text[end : text.index("teacher:")] + head
    path.write_text(text)
    assert main(["precompute", str(path)]) == 0
    store = open_store(load_spec(path).store)
    expected = [[1 - int(name[-6:]) % 2, int(name[-6:]) % 2] for name in store.images]
    assert store.label.tolist() == expected
