"""All that a spec says reaches its attributes."""

from pathlib import Path

import pytest
from good_spec import GOOD

from inficond_panel.spec import Share, find_spec, load_spec

SPECS = Path(__file__).parents[2] / "specs"


def test_paths_lie_beside_the_spec(folder):
    spec = folder.load(GOOD)
    assert (spec.title, spec.path) == ("Small", folder.path / "a.yaml")
    assert spec.store == folder.path / "a.zarr"
    assert spec.history == folder.path / "a.history.sqlite"
    assert spec.dataset.root == folder.path / "data"
    assert spec.dataset.images == folder.path / "data" / "images"
    assert spec.dataset.labels == folder.path / "data" / "labels.csv"
    assert spec.dataset.list_file("test") == folder.path / "data" / "test.txt"
    assert spec.concepts.encoder.pretrained == folder.path / "weights.pt"


def test_a_share_of_a_list_has_its_seed(folder):
    spec = folder.load(GOOD)
    assert spec.dataset.splits.tune == Share(from_="test", share=0.5, seed=0)


def test_defaults_of_concepts(folder):
    concepts = folder.load(GOOD).concepts
    assert concepts.encoder.model == "ViT-B-16"
    assert concepts.encoder.image_size is None
    assert concepts.prompts == ["a photo of a {}"]
    assert concepts.segments.max_per_image == 16
    assert concepts.scores.values() == {"method": "max_cosine"}
    assert concepts.projections.methods == ["tsne", "pca"]
    assert concepts.projections.segments == 1_000_000


def test_defaults_of_students(folder):
    students = folder.load(GOOD).students
    assert (students.solver, students.lambda_, students.tolerance) == ("exact", "auto", 1e-6)


def test_defaults_of_the_page(folder):
    spec = folder.load(GOOD)
    assert spec.tuning.factor == 2
    assert spec.layout.rows[1] == ["embedding", "detail", "provenance"]


def test_history_lies_beside_the_store(folder):
    spec = folder.load(GOOD + "store: out/x.zarr\n")
    assert spec.store == folder.path / "out" / "x.zarr"
    assert spec.history == folder.path / "out" / "x.history.sqlite"
    assert folder.load(GOOD + "history: h.db\n").history == folder.path / "h.db"


def test_a_store_without_a_title_is_called_by_its_name(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "zarr.json").write_text("{")
    assert load_spec(tmp_path / "x.zarr").title == "x"


@pytest.mark.parametrize("number", ["1e-4", "1E-4", "0.0001", ".0001", "1.0e-04", "100e-6"])
def test_numbers_in_any_notation(folder, number):
    assert folder.load(GOOD + f"students: {{lambda: {number}}}\n").students.lambda_ == 1e-4


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("imagenet", ["imagenet"]),
        ("[imagenet_simple, 'a {} here']", ["imagenet_simple", "a {} here"]),
        ("['{}']", ["{}"]),
        ("'one {}'", ["one {}"]),
    ],
)
def test_prompts_are_sentences_or_names_of_lists(folder, written, read):
    text = GOOD.replace("  encoder:", f"  prompts: {written}\n  encoder:")
    assert folder.load(text).concepts.prompts == read


def test_variables_expand_in_paths_only(folder, monkeypatch):
    monkeypatch.setenv("SOME_DATA", str(folder.path / "data"))
    flow = "dataset: {kind: table, root: ${SOME_DATA}, labels: ${SOME_DATA}/labels.csv, splits: "
    text = GOOD.replace("title: Small", "title: a ${SOME_DATA}")
    start, end = text.index("dataset:"), text.index("concepts:")
    splits = "{fit: train, tune: {from: test, share: 0.5}, holdout: rest}}\n"
    spec = folder.load(text[:start] + flow + splits + text[end:])
    assert spec.title == "a ${SOME_DATA}"
    assert spec.dataset.labels == folder.path / "data" / "labels.csv"


def test_a_relative_variable_starts_from_the_working_folder(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_DATA", "data")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    spec = folder.load(GOOD + "history: ${SOME_DATA}/h.db\n")
    assert spec.history == elsewhere / "data" / "h.db"
    assert spec.store == folder.path / "a.zarr"


def test_a_variable_that_is_a_whole_path_is_written_back_as_it_was(folder, monkeypatch):
    monkeypatch.setenv("SOME_MODEL", str(folder.path / "model"))
    (folder.path / "model").mkdir()
    (folder.path / "model" / "open_clip_config.json").write_text("{}")
    spec = folder.load(GOOD.replace("model: ViT-B-16,", "model: '${SOME_MODEL}',"))
    assert "model: ${SOME_MODEL}" in spec.to_yaml()


def test_empty_optional_values_keep_the_default(folder):
    spec = folder.load(GOOD + "store:\nhistory: null\nstudents:\nviews:\ntuning: ~\nlayout:\n")
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
    found = (students.solver, students.lambda_, students.epochs, students.batch)
    assert (*found, spec.tuning.reference) == ("paper", 1e-4, 10, 128, "original")
    assert spec.concepts.corpus.name == "broden_object_584.txt"
