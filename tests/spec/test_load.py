"""All that a spec says reaches its attributes."""

from pathlib import Path

import pytest

from inficond_panel.errors import SpecError
from inficond_panel.spec import Share, find_spec, load_spec

SPECS = Path(__file__).parents[2] / "specs"


def test_defaults_and_paths(folder, good):
    spec = folder.load(good)
    assert spec.title == "Small"
    assert spec.path == folder.path / "a.yaml"
    assert spec.store == folder.path / "a.zarr"
    assert spec.history == folder.path / "a.history.sqlite"
    assert spec.dataset.root == folder.path / "data"
    assert spec.dataset.images == folder.path / "data" / "images"
    assert spec.dataset.labels == folder.path / "data" / "labels.csv"
    assert spec.dataset.splits.tune == Share(from_="test", share=0.5, seed=0)
    assert spec.dataset.list_file("test") == folder.path / "data" / "test.txt"
    assert spec.concepts.encoder.model == "ViT-B-16"
    assert spec.concepts.encoder.pretrained == folder.path / "weights.pt"
    assert spec.concepts.encoder.image_size is None
    assert spec.concepts.prompts == ["a photo of a {}"]
    assert spec.concepts.segments.max_per_image == 16
    assert spec.students.solver == "exact"
    assert spec.students.lambda_ == "auto"
    assert spec.students.tolerance == 1e-6
    assert spec.tuning.factor == 2
    assert spec.layout.rows[1] == ["embedding", "detail", "provenance"]


def test_history_lies_beside_the_store(folder, good):
    spec = folder.load(good + "store: out/x.zarr\n")
    assert spec.store == folder.path / "out" / "x.zarr"
    assert spec.history == folder.path / "out" / "x.history.sqlite"
    assert folder.load(good + "history: h.db\n").history == folder.path / "h.db"


@pytest.mark.parametrize("number", ["1e-4", "1E-4", "0.0001", ".0001", "1.0e-04", "100e-6"])
def test_numbers_in_any_notation(folder, good, number):
    assert folder.load(good + f"students: {{lambda: {number}}}\n").students.lambda_ == 1e-4


def test_variables_expand_in_paths_only(folder, good, monkeypatch):
    monkeypatch.setenv("SOME_DATA", str(folder.path / "data"))
    flow = "dataset: {kind: table, root: ${SOME_DATA}, labels: ${SOME_DATA}/labels.csv, splits: "
    text = good.replace("title: Small", "title: a ${SOME_DATA}")
    start, end = text.index("dataset:"), text.index("concepts:")
    splits = "{fit: train, tune: {from: test, share: 0.5}, holdout: rest}}\n"
    spec = folder.load(text[:start] + flow + splits + text[end:])
    assert spec.title == "a ${SOME_DATA}"
    assert spec.dataset.labels == folder.path / "data" / "labels.csv"


def test_a_relative_variable_starts_from_the_working_folder(folder, good, monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_DATA", "data")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    spec = folder.load(good + "history: ${SOME_DATA}/h.db\n")
    assert spec.history == elsewhere / "data" / "h.db"
    assert spec.store == folder.path / "a.zarr"


def test_empty_optional_values_keep_the_default(folder, good):
    spec = folder.load(good + "store:\nhistory: null\nstudents:\nviews:\ntuning: ~\nlayout:\n")
    assert spec.store == folder.path / "a.zarr"
    assert (spec.students.lambda_, spec.tuning.factor, spec.views.top > 0) == ("auto", 2, True)


COME_ALONG = sorted([*SPECS.glob("*.yaml"), *SPECS.glob("public/*.yaml")])


@pytest.mark.parametrize("file", COME_ALONG, ids=lambda file: file.stem)
def test_specs_that_come_along_can_be_served(file, tmp_path, monkeypatch):
    monkeypatch.setenv("INFICOND_DATA", str(tmp_path))
    assert find_spec(file.stem) == file
    assert load_spec(file, check_files=False).title


def test_the_spec_of_the_paper_has_its_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("INFICOND_DATA", str(tmp_path))
    spec = load_spec(find_spec("paper"), check_files=False)
    students = spec.students
    assert (students.solver, students.lambda_, students.epochs, students.batch) == (
        "paper", 1e-4, 10, 128,
    )  # fmt: skip
    assert spec.concepts.corpus.name == "broden_object_584.txt"


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(SpecError, match=r"none\.yaml:1:1: no such file"):
        load_spec(tmp_path / "none.yaml")
    with pytest.raises(SpecError, match=":1:1: is a folder, expected a YAML file"):
        load_spec(tmp_path)
