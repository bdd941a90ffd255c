"""Photos added beside a store: by a real encoder, and labelled by networks and heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from precompute_factory import HEAD, SPEC, TABLE, TIMM, photo_folder

import precompute
from inficond_panel import open_students
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.store.more_photos import more_photos, parts_of
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.opening import add_concept

pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = photo_folder(tmp_path_factory.mktemp("extend"))
    (folder / "new").mkdir()
    for file in (folder / "photos" / "images").iterdir():  # other content, the same pixels
        (folder / "new" / file.name).write_bytes(file.read_bytes() + b"\0")
    return folder


def extended(folder: Path, teacher: str):
    """A store made with a teacher, and its own photos added to it under other names."""
    name = f"teacher{len(teacher)}"
    text = SPEC.replace(TABLE, teacher).replace("title: Tiny", f"title: Tiny\nstore: {name}.zarr")
    (folder / f"{name}.yaml").write_text(text)
    spec = load_spec(folder / f"{name}.yaml")
    precompute.run(spec, spec.store)
    store = open_store(spec.store)
    if not parts_of(store):
        found = precompute.extend(spec, spec.store, [folder / "new"])
        assert len(found.added) == 16
    return spec, store, more_photos(store)


@pytest.mark.parametrize("teacher", [TIMM, f"{TIMM}  oracle: {{gamma: 0.5}}\n", HEAD])
def test_the_teacher_labels_them_as_the_photos_of_the_store(folder, teacher):
    spec, store, found = extended(folder, teacher)
    own = [store.images.index(name.removesuffix(" (2)")) for name in found.images]
    np.testing.assert_allclose(found.score, store.concept_score[own], atol=1e-5)
    seen = np.isin(own, store.rows("fit"))
    assert 0 < seen.sum() < 16
    expected = store.teacher_logit[own]
    np.testing.assert_allclose(found.teacher_logit[~seen], expected[~seen], atol=1e-4)
    # a head of a fold has not seen the photo, that of all of fit has
    alike = np.allclose(found.teacher_logit[seen], expected[seen], atol=1e-4)
    assert alike == (teacher != HEAD)
    one = folder / "one.jpg"
    one.write_bytes((folder / "new" / "00001.jpg").read_bytes() + b"1")
    with pytest.raises(DataError, match="computes logits"):
        precompute.extend(spec, spec.store, [one], logits=folder / "logits.csv")


def test_a_concept_that_is_typed_has_scores_for_them(folder):
    from precompute.encoder import load_text_encoder

    spec = extended(folder, TIMM)[0]
    tuner = open_tuner(spec.path)
    encoder = load_text_encoder(spec.concepts.encoder)
    bigger = add_concept(tuner, "red bus, scarlet coach", encoder).store
    found = more_photos(bigger)
    own = [bigger.images.index(name.removesuffix(" (2)")) for name in found.images]
    assert bigger.concepts[-1] == "red bus"
    np.testing.assert_allclose(found.score[:, -1], bigger.concept_score[own, -1], atol=1e-5)
    assert found.score[:, -1].any()
    students = open_students(spec.path)
    again = students.extend(folder / "new")
    assert (again.part, len(again.already_there)) == (None, 16)
    assert len(students.more_photos) == 16
