"""A teacher's input from photos, against timm's own transform and torchvision's."""

import numpy as np
import pytest
from precompute_factory import CONV, photo, tiny_encoder
from teacher_factory import encoder_section

from inficond_panel.spec.sections.teacher import Preprocessing as Section

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

SIZES = [(80, 60), (60, 81), (37, 150), (50, 50), (20, 31)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["test_resnet", "resnet18", "vit_tiny_patch16_224"])
def test_a_models_own_preprocessing_is_timms(name, size):
    import timm
    from timm.data import create_transform, resolve_model_data_config

    from precompute.teachers.teacher import of_timm, own_or_given

    model = timm.create_model(name)
    image = photo(1, size)
    own = own_or_given(Section(), of_timm(model))
    expected = create_transform(**resolve_model_data_config(model))(image)
    np.testing.assert_allclose(own.prepare(image), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("crop", [0.875, 1.0])
@pytest.mark.parametrize("size", SIZES)
def test_a_crop_is_torchvisions(size, crop):
    from torchvision import transforms

    from precompute.teachers.teacher import Preprocessing

    image = photo(2, size)
    ours = Preprocessing((28, 28), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "bicubic", crop)
    theirs = transforms.Compose(
        [
            transforms.Resize(int(28 / crop), transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(28),
            transforms.ToTensor(),
            transforms.Normalize(ours.mean, ours.std),
        ]
    )
    np.testing.assert_allclose(ours.prepare(image), theirs(image).numpy(), atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_other_shapes_are_covered_whole(size):
    from precompute.teachers.teacher import Preprocessing

    for crop in (0.0, 0.7, 1.0):
        ours = Preprocessing((31, 17), (0, 0, 0), (1, 1, 1), "lanczos", crop)
        values = ours.prepare(photo(3, size))
        assert values.shape == (3, 17, 31)
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1


def test_the_spec_overrides_single_settings():
    import timm

    from precompute.teachers.teacher import of_timm, own_or_given

    own = of_timm(timm.create_model("test_resnet"))
    assert own["crop"] > 0
    mixed = own_or_given(Section(size=(40, 30), crop=0), own)
    assert (mixed.size, mixed.crop) == ((40, 30), 0)
    assert (mixed.mean, mixed.std) == (own["mean"], own["std"])
    assert mixed.plain()["size"] == [40, 30]


def test_an_image_text_models_is_that_of_its_dense_view(tmp_path):
    from precompute.encoder import load_encoder
    from precompute.teachers.teacher import of_encoder

    encoder = load_encoder(encoder_section(tiny_encoder(tmp_path / "encoder", CONV)))
    image = photo(4)
    np.testing.assert_array_equal(of_encoder(encoder).prepare(image), encoder.prepare(image))
