"""The whole way with teachers that are run: photos, a store, and students of the oracle."""

import numpy as np
import pytest
from precompute_factory import CONV, SPEC, photo_set, tiny_encoder

from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Tuner

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

HEAD = "teacher: {kind: head, folds: 2, l2: 0.1, oracle: {gamma: 0.2}}\n"
OWN = (
    "teacher:\n  kind: timm\n  model: test_resnet\n  pretrained: mine.pt\n"
    "  preprocessing: {size: [64, 64], crop: 0}\n  oracle: {}\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import timm

    folder = tmp_path_factory.mktemp("teachers")
    photo_set(folder, 16)
    (folder / "photos" / "images" / "00003.jpg").write_text("no image")
    tiny_encoder(folder / "encoder", CONV)
    torch.manual_seed(0)
    torch.save(timm.create_model("test_resnet", num_classes=2).state_dict(), folder / "mine.pt")
    return folder


def make(folder, teacher, students=""):
    import precompute

    text = SPEC.replace("teacher: {kind: logits, path: logits.csv}\n", teacher) + students
    (folder / "spec.yaml").write_text(text)
    spec = load_spec(folder / "spec.yaml")
    report = precompute.run(spec, folder / "a.zarr")
    return spec, report, open_store(folder / "a.zarr")


@pytest.mark.parametrize(("teacher", "gamma"), [(HEAD, 0.2), (OWN, 0.5)])
def test_logits_and_oracle_reach_the_store(folder, teacher, gamma):
    spec, report, store = make(folder, teacher)
    assert "00003" not in store.images
    assert np.isfinite(store.teacher_logit).all()
    fit = store.split == "fit"
    assert np.isfinite(store.oracle_logit[fit]).all()
    assert np.isnan(store.oracle_logit[~fit]).all()
    assert store.attrs["teacher"] == spec.teacher.title
    assert store.attrs["oracle"]["gamma"] == gamma
    assert store.attrs["oracle"]["images"] == fit.sum()
    assert len(store.attrs["teacher_digest"]) == 64
    assert store.attrs["teacher_preprocessing"]["size"] == [64, 64]
    again = make(folder, teacher)[1]
    assert (again.changed, again.content_hash) == (False, report.content_hash)


def test_students_of_teacher_and_oracle_differ_and_are_measured_alike(folder):
    _, report, store = make(folder, HEAD)
    roots = {}
    for targets in ("teacher", "oracle"):
        spec, again, _ = make(folder, HEAD, f"students: {{targets: {targets}, lambda: 0.01}}\n")
        assert again.content_hash == report.content_hash  # students are no part of the store
        tuner = Tuner(store, spec, History(":memory:"))
        roots[targets] = tuner.root()
        np.testing.assert_array_equal(tuner.fit_data.teacher.shape, (7, 2))
    assert roots["teacher"].weights_hash != roots["oracle"].weights_hash
    assert roots["teacher"].id != roots["oracle"].id
