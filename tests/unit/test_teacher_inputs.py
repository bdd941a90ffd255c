"""A teacher's input: photos prepared as timm and torchvision do; reinforced for the oracle."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precompute_factory import photo
from scipy.special import expit

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import Preprocessing as Section
from precompute.encoder.image import Preprocessing
from precompute.teachers.teacher import loss_gradient, of_timm, own_or_given, stepped

pytest.importorskip("torch")

import timm
import torch
from timm.data import create_transform, resolve_model_data_config

pytestmark = pytest.mark.torch
SHAPE = (4, 3, 5, 6)


def problem(seed):
    """A linear network ``z = W x + b``, inputs and labels."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(3, np.prod(SHAPE[1:])))
    bias, x = rng.normal(size=3), rng.normal(size=SHAPE)
    return weight, bias, x, rng.integers(-1, 2, (SHAPE[0], 3))


def reinforce(forward, pixels, label, gamma):
    return stepped(pixels, loss_gradient(forward, pixels, label), gamma)


def network(weight, bias):
    return lambda x: x.flatten(1) @ torch.from_numpy(weight).T + torch.from_numpy(bias)


@given(st.integers(0, 10_000), st.floats(1e-3, 3))
@settings(max_examples=30, derandomize=True)
def test_the_reinforced_input_is_that_of_the_formula(seed, gamma):
    """x* = x - gamma |x| dL/dx with dL/dx = sum over known labels of (sigmoid(z) - y) W."""
    weight, bias, x, label = problem(seed)
    found = reinforce(network(weight, bias), torch.from_numpy(x), torch.from_numpy(label), gamma)
    flat = x.reshape(len(x), -1)
    residual = np.where(label >= 0, expit(flat @ weight.T + bias) - label, 0)
    expected = (flat - gamma * np.abs(flat) * (residual @ weight)).reshape(x.shape)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)
    assert not found.requires_grad


def test_a_gamma_that_overflows_and_a_network_without_gradient_are_told():
    weight, bias, x, label = (np.asarray(v, dtype=np.float32) for v in problem(0))
    label = torch.from_numpy(np.ones_like(label, dtype=np.int64))

    def saturating(pixels):
        return network(weight, bias)(pixels.clamp(-3, 3))

    pixels = torch.from_numpy(x)
    assert torch.isfinite(saturating(torch.full(SHAPE, torch.inf))).all()
    for gamma in (1e39, 1e300):
        with pytest.raises(DataError, match="is too large: the reinforced photos") as told:
            reinforce(saturating, pixels, label, gamma)
        assert "a smaller gamma" in told.value.remedy
    assert torch.isfinite(reinforce(saturating, pixels, label, 1.0)).all()
    with pytest.raises(DataError, match="No gradient can be computed"):
        reinforce(lambda x: network(weight, bias)(x).detach(), pixels, label, 0.5)


SIZES = [(80, 60), (60, 81), (37, 150), (50, 50), (20, 31)]
model_of = functools.cache(timm.create_model)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "crop"),
    [("test_resnet", None), ("resnet18", None), ("vit_tiny_patch16_224", None),
     ("resnet18", 0.875), ("resnet18", 1.0)],
)  # fmt: skip
def test_a_models_own_preprocessing_is_timms_also_with_another_crop(name, crop, size):
    model, image = model_of(name), photo(1, size)
    own = own_or_given(Section(crop=crop), of_timm(model))
    given = resolve_model_data_config(model)
    expected = create_transform(**given | ({"crop_pct": crop} if crop else {}))(image)
    np.testing.assert_allclose(own.prepare(image), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("crop", [128 / 144, 0.8889, 0.889])
def test_a_share_of_few_digits_is_that_of_the_whole_number_before_the_crop(crop):
    transforms = pytest.importorskip("torchvision.transforms")
    bilinear = transforms.InterpolationMode.BILINEAR
    steps = transforms.Compose(
        [transforms.Resize(144, bilinear), transforms.CenterCrop(128), transforms.ToTensor()]
    )
    image = photo(1, (300, 200))
    ours = Preprocessing((128, 128), (0, 0, 0), (1, 1, 1), "bilinear", crop).prepare(image)
    np.testing.assert_allclose(ours, steps(image).numpy(), atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_other_shapes_are_covered_whole(size):
    for crop in (0.0, 0.7, 1.0):
        ours = Preprocessing((31, 17), (0, 0, 0), (1, 1, 1), "lanczos", crop)
        values = ours.prepare(photo(3, size))
        assert (values.shape, values.dtype) == ((3, 17, 31), np.float32)
        assert 0 <= values.min() <= values.max() <= 1


def test_the_spec_overrides_single_settings():
    own = of_timm(timm.create_model("test_resnet"))
    assert own["crop"] > 0
    mixed = own_or_given(Section(size=(40, 30), crop=0), own)
    assert (mixed.size, mixed.crop) == ((40, 30), 0)
    assert (mixed.mean, mixed.std) == (own["mean"], own["std"])
    assert mixed.plain()["size"] == [40, 30]
