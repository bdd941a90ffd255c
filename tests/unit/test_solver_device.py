"""The solver's products on a card: by tensors on torch's CPU, the same code path, as numpy's."""

import sys

import numpy as np
import pytest
from frames import frames, joint_spec

import inficond_panel
from inficond_panel.common import devices
from inficond_panel.common.devices import product_device
from inficond_panel.distill import Scores, fit, sources

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def test_the_card_is_one_that_is_there_and_has_float64_and_without_torch_none(monkeypatch):
    with monkeypatch.context() as patch:
        for there, asked, found in (
            (["cuda:0", "cuda:1", "mps", "cpu"], "auto", "cuda:0"),
            (["cuda:0", "cuda:1", "cpu"], "cuda:1", "cuda:1"),
            (["cuda:0", "cpu"], "cuda", "cuda:0"),
            (["cuda:0", "cpu"], "cpu", None),
            (["cuda:0", "cpu"], "cuda:3", None),
            (["mps", "cpu"], "auto", None),  # no float64
            (["mps", "cpu"], "mps", None),
            (["cpu"], "cuda", None),
        ):
            patch.setattr(devices, "available_devices", lambda there=there: there)
            assert product_device(asked) == found
    monkeypatch.setitem(sys.modules, "torch", None)
    assert product_device("auto") is None
    values = np.ones((3, 2), np.float32)
    assert sources.on_card(values, "cuda") is values


@pytest.fixture
def on_card(monkeypatch):
    """Let the card be torch's CPU; the tensors that go there."""
    gone, plain = [], sources.on_card
    noted = "inficond_panel.tuning.fitting.images.on_card"
    monkeypatch.setattr(noted, lambda *given: gone.append(plain(*given)) or gone[-1])
    monkeypatch.setattr(sources, "product_device", lambda _: "cpu")
    return gone


@pytest.mark.usefixtures("on_card")
def test_products_are_those_of_numpy():
    rng = np.random.default_rng(0)
    values = rng.random((700, 40)).astype(np.float32)
    mine, other = Scores(values), Scores(sources.on_card(values, "cuda"))
    columns, residual = np.arange(3, 30), rng.normal(size=(700, 4))
    residual -= residual.mean(axis=0)
    weights, curvature = rng.normal(size=(40, 4)), rng.random(700)
    for scores in (mine, other):
        scores.gather(columns)
    pairs = [
        (mine.gradient(residual), other.gradient(residual)),
        (mine.logits(weights, np.ones(4)), other.logits(weights, np.ones(4))),
        tuple(each.moments(curvature / curvature.sum())[1] for each in (mine, other)),
        *zip(*(s.columns.gram(columns, curvature, exact=True) for s in (mine, other)), strict=True),
    ]
    for expected, found in pairs:
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    targets = 1 / (1 + np.exp(-residual))
    one, two = fit(mine, targets), fit(other, targets)
    np.testing.assert_allclose(two.objective, one.objective, rtol=1e-10)
    assert two.converged.all()


def everything(students):
    """What a session computes from the data that students are fitted to."""
    students.fit()
    tuned = students.tune([("bird", "wing", "down")])
    return {
        "weights": tuned.node.weights,
        "metrics": tuned.metrics("tune").select_dtypes("number").to_numpy(),
        "what_if": tuned.what_if("bird", "beak").select_dtypes("number").to_numpy(),
        "stability": tuned.stability("bird", draws=3).select_dtypes("number").to_numpy(),
    }


def test_a_session_computes_the_same_and_a_softmax_student_is_fitted_there_too(tmp_path, on_card):
    given = frames(300)
    found = everything(inficond_panel.from_frames(**given, path=tmp_path / "card.zarr"))
    assert on_card
    assert all(isinstance(one, torch.Tensor) for one in on_card)
    with pytest.MonkeyPatch.context() as plain:
        plain.setattr(sources, "product_device", lambda _: None)
        expected = everything(inficond_panel.from_frames(**given, path=tmp_path / "cpu.zarr"))
    assert isinstance(on_card[-1], np.ndarray)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-4, err_msg=name)
    students = inficond_panel.open_students(joint_spec(tmp_path))
    assert students.fit().node.weights.shape == (5, 3)
    assert isinstance(on_card[-1], torch.Tensor)
