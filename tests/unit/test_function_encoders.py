"""An encoder that a Python function makes: its scores, its permission, its identity, its faults."""

import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
from colours import ENCODER, colour_photos
from PIL import Image

import precompute
from inficond_panel.cli import main
from inficond_panel.errors import DataError
from inficond_panel.predict import PageEncoder, score_photos
from inficond_panel.spec import load_spec
from inficond_panel.spec.sections.encoder import PythonEncoder
from inficond_panel.store import open_store
from precompute.encoder import load_encoder

pytestmark = [pytest.mark.commands, pytest.mark.server]

SECTION = "{kind: python, function: own.py:make, weights: w.bin, batch: 5}"
HALF = np.sqrt(0.5)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A spec whose encoder notes that its file ran."""
    monkeypatch.setattr("precompute.batches.run._LOADED", {})
    colour_photos(tmp_path, SECTION)
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n{ENCODER}")
    (tmp_path / "w.bin").write_bytes(b"weights")
    return tmp_path


@pytest.fixture
def spec(home):
    """The spec, whose code is allowed."""
    spec = load_spec(home / "spec.yaml")
    spec.allow_python()
    return spec


@pytest.fixture
def made(spec):
    """The spec, and the store that was made with the encoder."""
    precompute.run(spec, spec.store, workers=1)
    return spec, open_store(spec.store)


def test_a_concept_scores_its_cosine_with_the_colour_of_a_photo(made):
    _, store = made
    expected = [[float(int(name) % 3 == c) for c in range(3)] for name in store.images]
    assert np.abs(store.concept_score - expected).max() < 0.02


def test_a_new_photo_is_scored_as_the_stores(made):
    spec, store = made
    scores = score_photos(spec, store, [spec.dataset.images / "00004.jpg"])
    assert np.abs(scores.score - [[0, 1, 0]]).max() < 0.02


def test_it_runs_only_where_it_is_allowed(home, capsys):
    path = str(home / "spec.yaml")
    assert main(["check", path]) == 0
    assert main(["precompute", path]) == 1
    told = capsys.readouterr().err
    assert "The spec's encoder is Python code, own.py:make" in told
    assert "--allow-python" in told
    assert not (home / "ran").exists()


WITHOUT_TORCH = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name == "torch" else find(name, *more)
from inficond_panel.cli import main
sys.exit(main(["precompute", sys.argv[1], "--allow-python"]))
"""


def test_it_needs_no_torch(home):
    path = home / "spec.yaml"
    run([sys.executable, "-c", WITHOUT_TORCH, path], check=True, capture_output=True)
    assert list(open_store(load_spec(path).store).concepts) == ["red", "green", "blue"]


def test_a_word_can_be_typed(made, capsys):
    spec, _ = made
    add = ["concept", "add", str(spec.path), "yellow", "--json"]
    assert main(add) == 1
    assert "is Python code" in capsys.readouterr().err
    assert main([*add, "--allow-python"]) == 0
    assert f'"red": {HALF:.4f}' in capsys.readouterr().out


def test_the_page_says_that_it_does_not_run_it(home):
    with pytest.raises(DataError, match="which the page does not run") as caught:
        PageEncoder(load_spec(home / "spec.yaml")).check()
    assert "inficond concept add SPEC WORDS --allow-python" in caught.value.remedy


@pytest.mark.parametrize("file", ["own.py", "w.bin"])
def test_another_content_of_its_files_is_another_encoder(made, file):
    spec, store = made
    assert not precompute.run(spec, spec.store).changed
    with (spec.path.parent / file).open("a") as open_file:
        open_file.write("\n")
    assert precompute.run(spec, spec.store, workers=1).changed
    assert open_store(spec.store).attrs["encoder_digest"] != store.attrs["encoder_digest"]


@pytest.mark.parametrize("batch", [5, 3])
def test_heads_are_fitted_to_its_vectors_of_whole_photos(home, batch):
    """With the encoder's batch they come with the segments, with another one by themselves."""
    path = home / "spec.yaml"
    head = f"{{kind: head, folds: 2, l2: 0.1, batch: {batch}}}"
    path.write_text(path.read_text().replace("{kind: logits, path: logits.csv}", head))
    spec = load_spec(path)
    spec.allow_python()
    precompute.run(spec, spec.store, workers=1)
    store = open_store(spec.store)
    expected = [[float(int(name) % 3 == c) for c in range(3)] for name in store.images]
    assert np.abs(store.teacher_feature - expected).max() < 0.02


@pytest.mark.parametrize(
    ("teacher", "told"),
    [
        ("{kind: open_clip}", "teacher.kind: open_clip needs a network"),
        ("{kind: head, oracle: {gamma: 1}}", "teacher.oracle: needs a network"),
    ],
)
def test_a_teacher_that_needs_its_network_is_refused(home, capsys, teacher, told):
    path = home / "spec.yaml"
    path.write_text(path.read_text().replace("{kind: logits, path: logits.csv}", teacher))
    assert main(["check", str(path)]) == 2
    assert told in capsys.readouterr().err


def test_an_export_from_pixels_says_that_there_is_no_network(spec):
    with pytest.raises(DataError, match="is a Python function, and no network") as caught:
        load_encoder(spec.concepts.encoder).model.visual  # noqa: B018
    assert "open_clip or transformers" in caught.value.remedy


def test_the_example_of_the_docs_is_an_encoder(home):
    page = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text()
    code = page.partition("## A function of yours")[2].partition("```python\n")[2]
    (home / "own.py").write_text(code.partition("```")[0])
    encoder = load_encoder(PythonEncoder(function=home / "own.py:make", allowed=True))
    photo = encoder.prepare(Image.new("RGB", (90, 70), (7, 80, 9)))
    assert encoder.dense(np.stack([photo])).tolist() == [[[[7, 80, 9]] * 4] * 3]
    assert encoder.embed_text(["a photo of a blue"]).tolist() == [[0, 0, 1]]


MAKE = "def make(weights): return Mine()\nclass Mine(Colours):\n    "
PLACES = f"{MAKE}def embed_places(self, photos): return "
TEXT = f"{MAKE}def embed_text(self, texts): return "


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("make = 3", "encoder.function own.py:make is not a function"),
        ("def make(): pass", "The function of the encoder own.py:make fails: TypeError"),
        ("def make(weights): boom", r"own.py:make fails: NameError: .* \(.*/own.py:14\)\."),
        (
            "def make(weights): return 3",
            r"returns int without size \(width, height\), embed_places",
        ),
        (f"{MAKE}size = 24", r"returns Mine without size \(width, height\)"),
        (f"{PLACES}photos[9]", "embed_places .* own.py:make fails: IndexError.*/own.py:16"),
        (f"{PLACES}photos[..., 0]", r"returns shape \(\d, 24, 32\), expected \(\d, any, any, 3\)"),
        (f"{PLACES}photos * np.nan", "embed_places .* numbers that are not finite"),
        (f"{TEXT}[[1, 2, 3]]", r"embed_text .* returns shape \(1, 3\), expected \(3, 3\)"),
        (f"{TEXT}texts", "embed_text .* fails: ValueError"),
        (f"{PLACES}photos[:, :3, :4] * 0", "own.py:make gives zero vectors for all 48 segments"),
        (f"{PLACES}photos[:, :3, :4] * 0 + 7", "gives equal vectors for all 48 segments"),
        (f"{TEXT}[[0, 0, 0]] * len(texts)", "own.py:make gives zero vectors for all 3 texts"),
    ],
)
def test_its_faults_are_told(home, spec, code, told):
    (home / "own.py").write_text(f"{ENCODER}\n{code}")
    with pytest.raises(DataError, match=told):
        precompute.run(spec, spec.store, workers=1)
    assert not spec.store.exists()
