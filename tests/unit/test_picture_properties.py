"""Properties of pictures: measured on photos, kept in the store, and what is made of them."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from precompute.batches.picture_properties import picture_properties


def measured(image: Image.Image) -> dict[str, float]:
    """Properties of an image by their keys."""
    values = picture_properties(image)
    return {each.key: float(v) for each, v in zip(PICTURE_PROPERTIES, values, strict=True)}


def noise(size: tuple[int, int] = (160, 96), smooth: float = 3.0) -> Image.Image:
    """A seeded photo-like image in colour."""
    pixels = np.random.default_rng(0).normal(size=(size[1], size[0], 3))
    pixels = ndimage.gaussian_filter(pixels, (smooth, smooth, 0))
    pixels = 128 + 60 * pixels / pixels.std()
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    """Properties of a photo-like image."""
    return measured(noise())


def test_brightness_with_contrast_by_hand(found):
    gray = np.asarray(noise().convert("L"), dtype=float)
    assert found["brightness"] == pytest.approx(gray.mean() / 255, abs=0.003)
    assert found["contrast"] == pytest.approx(gray.std() / (gray.mean() + 8), abs=0.003)


def test_sharpness_by_hand(found):
    image = noise()
    luma = np.asarray(image, dtype=float) @ [0.299, 0.587, 0.114]
    inside = ndimage.laplace(luma)[1:-1, 1:-1]
    sharpness = np.log((inside.var() + 1) / (luma.var() + 1))
    assert found["sharpness"] == pytest.approx(sharpness, rel=1e-4)


def test_a_smoother_image_is_less_sharp(found):
    assert measured(noise(smooth=6))["sharpness"] < found["sharpness"] - 1


def test_size_with_aspect_by_hand():
    wide = measured(noise((200, 50)))
    assert wide["size"] == pytest.approx(np.log(10_000))
    assert wide["aspect"] == pytest.approx(np.log(4))


def test_a_gray_image_has_no_colour(found):
    image = noise()
    gray = measured(ImageOps.grayscale(image).convert("RGB"))
    assert (gray["saturation"], gray["colour"]) == (0, 0)
    assert found["colour"] > 0.5


def test_a_darker_image_differs_in_brightness_alone(found):
    here, there = found, measured(ImageEnhance.Brightness(noise()).enhance(0.5))
    assert there["brightness"] == pytest.approx(here["brightness"] / 2, rel=0.01)
    for key in ("contrast", "saturation", "colour", "sharpness", "text"):
        assert there[key] == pytest.approx(here[key], rel=0.12, abs=0.02), key


def test_what_is_nearly_plain_in_a_dark_image_is_no_border():
    pixels = np.asarray(noise(), dtype=float)
    pixels[:, :20] = 128 + 0.2 * (pixels[:, :20] - 128)  # to deviate less than a photo does
    pixels[:, -20:] = 128 + 0.2 * (pixels[:, -20:] - 128)
    for bright in (1, 0.5, 0.25):
        assert measured(Image.fromarray((bright * pixels).astype(np.uint8)))["border"] == 0, bright


def test_a_mirrored_image_has_the_same_properties(found):
    here, there = found, measured(ImageOps.mirror(noise()))
    for key in ("brightness", "contrast", "saturation", "colour", "sharpness", "border"):
        assert here[key] == pytest.approx(there[key], rel=1e-4), key


def test_compression_is_seen_in_the_blocks_a_border_by_its_share_and_all_is_finite():
    image = noise(smooth=1)
    assert abs(measured(image)["compression"]) < 0.05
    for quality in (10, 30):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        assert measured(Image.open(file).convert("RGB"))["compression"] > 0.1
    for border, share in (((0, 0), 0), ((0, 12), 24 / 120), ((20, 0), 40 / 200)):
        found = measured(ImageOps.expand(noise(), border, (200, 10, 10)))
        assert found["border"] == pytest.approx(share, abs=1e-6)
    for size in ((1, 1), (2, 400), (400, 2), (9, 9)):
        for colour in ("black", "white", (3, 200, 90)):
            assert np.isfinite(picture_properties(Image.new("RGB", size, colour))).all(), size
