"""Greys of 12, 16 and 32 bits: the levels that become black and white, by one key of the spec."""

import numpy as np
import pytest
from PIL import Image
from test_init import home, init  # noqa: F401

from inficond_panel.cli import main
from inficond_panel.spec import load_spec
from inficond_panel.store.images import UnreadableImage, decode
from precompute.datasets import load_dataset

pytestmark = pytest.mark.commands

TWELVE_BITS = np.linspace(0, 4095, 20 * 30).reshape(20, 30)


def deep(path, values=TWELVE_BITS, kind=np.uint16):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(kind)).save(path)
    return path


def grey_of(path, grey=None):
    return np.asarray(decode(path, grey))[..., 0].astype(float)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_window_maps_its_ends_to_black_and_white(tmp_path, suffix):
    found = grey_of(deep(tmp_path / f"a.{suffix}"), (0.0, 4095.0))
    np.testing.assert_allclose(found, TWELVE_BITS / 4095 * 255, atol=1)


def test_levels_outside_the_window_are_black_or_white(tmp_path):
    found = grey_of(deep(tmp_path / "a.png"), (1000.0, 2000.0))
    expected = np.clip((TWELVE_BITS - 1000) / 1000, 0, 1) * 255
    np.testing.assert_allclose(found, expected, atol=1)


def test_a_stretch_is_between_percentiles_of_the_image(tmp_path):
    found = grey_of(deep(tmp_path / "a.png"), "stretch")
    low, high = np.percentile(TWELVE_BITS.astype(np.uint16), [0.5, 99.5])
    expected = np.clip((TWELVE_BITS - low) / (high - low), 0, 1) * 255
    np.testing.assert_allclose(found, expected, atol=1)


@pytest.mark.parametrize("grey", [None, (0.0, 65535.0)])
def test_without_the_key_white_is_the_highest_of_16_bits(tmp_path, grey):
    values = TWELVE_BITS * 16
    found = grey_of(deep(tmp_path / "a.png", values), grey)
    np.testing.assert_allclose(found, values / 65535 * 255, atol=1)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
@pytest.mark.parametrize("grey", ["stretch", (-1000.0, 3000.0)])
def test_images_of_32_bits_are_read_with_the_key(tmp_path, kind, grey):
    found = grey_of(deep(tmp_path / "a.tif", TWELVE_BITS - 1000, kind), grey)
    assert (found.min(), found.max()) == (0, 255)


def test_images_of_32_bits_need_the_key(tmp_path):
    with pytest.raises(UnreadableImage, match=r"need dataset\.grey"):
        decode(deep(tmp_path / "a.tif", kind=np.float32))


def test_an_image_of_one_level_is_black(tmp_path):
    assert grey_of(deep(tmp_path / "a.png", np.full((8, 8), 700)), "stretch").max() == 0


@pytest.mark.parametrize("grey", ["stretch", (0.0, 10.0)])
def test_photos_of_8_bits_stay_as_they_are(tmp_path, grey):
    path = deep(tmp_path / "a.png", TWELVE_BITS / 4095 * 255, np.uint8)
    np.testing.assert_array_equal(grey_of(path, grey), grey_of(path))


@pytest.fixture
def dark(home):  # noqa: F811
    """Folders of two classes with 12-bit images in files of 16 bits."""
    for i in range(20):
        deep(home / "data" / ("cat", "train")[i % 2] / f"{i}.png", np.roll(TWELVE_BITS, i))
    return home / "data"


def test_init_tells_that_all_photos_are_dark(dark, capsys):
    _, out = init(capsys, "data")
    assert "are dark: 16-bit greys up to 4,095 of 65,535. Set grey: [0, 4095]" in out


def test_init_says_nothing_of_photos_that_use_all_levels(dark, capsys):
    deep(dark / "cat" / "0.png", TWELVE_BITS * 16)
    _, out = init(capsys, "data")
    assert "are dark" not in out


def with_key(dark, capsys, grey):
    init(capsys, "data")
    spec = dark.parent / "data.yaml"
    spec.write_text(spec.read_text().replace("dataset:\n", f"dataset:\n  grey: {grey}\n", 1))
    return spec


@pytest.mark.parametrize("grey", ["[0, 4095]", "stretch"])
def test_the_key_of_the_spec_reaches_the_photos(dark, capsys, grey):
    dataset = load_dataset(load_spec(with_key(dark, capsys, grey)).dataset)
    assert np.asarray(dataset.load(0)).max() == 255


def test_other_levels_are_other_photos(dark, capsys):
    """The digest of a photo is part of the key of its vectors."""
    spec = with_key(dark, capsys, "stretch")
    first = load_dataset(load_spec(spec).dataset).digest(0)
    spec.write_text(spec.read_text().replace("grey: stretch", "grey: [0, 4095]"))
    assert load_dataset(load_spec(spec).dataset).digest(0) != first


@pytest.mark.parametrize("grey", ["[5, 5]", "[1]", "dark", "[a, b]"])
def test_other_values_of_the_key_are_refused(dark, capsys, grey):
    assert main(["check", str(with_key(dark, capsys, grey))]) == 2
