"""A teacher that is a Python function: it runs where that is allowed, and its faults are told."""

import sys
from pathlib import Path

import pytest
from precompute_factory import named_encoder, photo_set, without_torch

import precompute
from inficond_panel.cli import main
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from precompute.teachers.applied import teacher_of

pytestmark = pytest.mark.commands

CODE = """
import numpy as np
def logits(photos):
    return np.array([[np.asarray(p).mean() - 128, float(p.size[0]) - 70, 0.5] for p in photos])
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    without_torch(monkeypatch)
    photo_set(tmp_path)
    named_encoder(tmp_path / "encoder")
    (tmp_path / "code" / "mine").mkdir(parents=True)
    (tmp_path / "code" / "mine" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    for name in ("mine", "mine.model"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    text = (tmp_path / "spec.yaml").read_text()
    teacher = "kind: python, function: mine.model:logits, classes: [bicycle, train, other]"
    text = text.replace("{kind: logits, path: logits.csv}", f"{{{teacher}, batch: 2}}")
    (tmp_path / "spec.yaml").write_text(text)
    yield tmp_path
    for name in ("mine", "mine.model"):
        sys.modules.pop(name, None)


def write(home, code):
    (home / "code" / "mine" / "model.py").write_text(code)


@pytest.fixture
def written(home) -> Path:
    """The folder with the code of a teacher, which notes that it ran."""
    write(home, f"open({str(home / 'ran')!r}, 'w').close()\n{CODE}")
    return home


def test_a_run_names_the_code_that_it_does_not_run(written, capsys):
    home = written
    assert main(["precompute", str(home / "spec.yaml")]) == 1
    told = capsys.readouterr().err
    assert "teacher is Python code, mine.model:logits, which could do anything" in told
    assert "--allow-python" in told


def test_it_runs_only_where_it_is_allowed(written):
    home, spec = written, load_spec(written / "spec.yaml")
    assert main(["precompute", str(home / "spec.yaml")]) == 1
    assert main(["precompute", str(home / "spec.yaml"), "--plan"]) == 0
    assert not (home / "ran").exists()
    assert not spec.store.exists()


@pytest.fixture
def allowed(written) -> Path:
    """The folder with the store that the teacher made."""
    assert main(["precompute", str(written / "spec.yaml"), "--allow-python"]) == 0
    return written


def test_its_logits_are_in_the_store(allowed):
    store = open_store(load_spec(allowed / "spec.yaml").store)
    assert (store.attrs["teacher"], store.attrs["teacher_kind"]) == ("mine.model:logits", "python")
    for i, name in enumerate(store.images):
        wide = 80 if int(name) % 3 else 50
        assert store.teacher_logit[i, 1] == wide - 70


def test_it_labels_new_photos_only_where_it_is_allowed(allowed):
    spec = load_spec(allowed / "spec.yaml")
    store = open_store(spec.store)
    teacher, why = teacher_of(spec, store)
    assert teacher is None
    assert "is Python code" in why
    assert why.endswith("If you trust the code, add --allow-python to the command")
    spec.allow_python()
    teacher, why = teacher_of(spec, store)
    assert (teacher is not None, why) == (True, "")


def test_another_text_of_its_module_is_another_teacher(allowed):
    home, spec = allowed, load_spec(allowed / "spec.yaml")
    before = open_store(spec.store).teacher_logit[0, 1]
    spec.allow_python()
    assert not precompute.run(spec, spec.store).changed
    write(home, CODE.replace("70", "71"))
    sys.modules.pop("mine.model")
    assert precompute.run(spec, spec.store).changed
    assert open_store(spec.store).teacher_logit[0, 1] == before - 1


def test_a_function_without_a_name_is_told(home, capsys):
    path = home / "spec.yaml"
    path.write_text(path.read_text().replace("mine.model:logits", "mine.model"))
    assert main(["check", str(path)]) == 2
    told = "function: expected package.module:function or file.py:function, got 'mine.model'"
    assert told in capsys.readouterr().err


GIVES = "def logits(photos): return"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("logits = 3", "mine.model:logits is not a function"),
        ("1 / 0", r"cannot be imported: ZeroDivisionError.*/model.py:1\)"),
        ("import sys\nsys.exit(0)", "cannot be imported: SystemExit"),
        ("def logits(photos): raise SystemExit", r"fails on \d photos: SystemExit"),
        ("", "cannot be imported: AttributeError"),
        (f"{GIVES} photos[9]", r"fails on \d photos: IndexError.*/model.py:1\)"),
        (f"{GIVES} 'no'", "returns str, no array of numbers"),
        (f"{GIVES} [[1, 2]] * len(photos)", r"2\) for \d images; expected 3 outputs"),
        (f"{GIVES} [[1, 2, 3]]", r"\(1, 3\) for 2 images; expected 3 outputs"),
        (f"{GIVES} [[1, float('nan'), 3]] * len(photos)", "not finite numbers for the images 0000"),
    ],
)
def test_its_faults_are_told(home, code, told):
    write(home, code)
    spec = load_spec(home / "spec.yaml")
    spec.allow_python()
    with pytest.raises(DataError, match=told):
        precompute.run(spec, spec.store, workers=1)
    assert not spec.store.exists()
