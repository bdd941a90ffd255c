"""Photos of all kinds become upright RGB; what cannot be read says why."""

import io

import numpy as np
import pytest
from PIL import Image

from precompute.images import UnreadableImage, decode, thumbnail


def test_exif_orientation_turns_the_image(tmp_path):
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 8, 8))
    exif = image.getexif()
    exif[0x0112] = 6  # shown after a turn of 90 degrees clockwise
    image.save(tmp_path / "a.png", exif=exif)
    turned = decode(tmp_path / "a.png")
    assert turned.size == (20, 40)
    assert turned.getpixel((18, 2)) == (255, 0, 0)
    assert turned.getpixel((2, 2)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "expected"),
    [
        ("L", 100, "png", (100, 100, 100)),
        ("1", 1, "png", (255, 255, 255)),
        ("LA", (0, 0), "png", (255, 255, 255)),
        ("RGBA", (255, 0, 0, 0), "png", (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), "png", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "tif", (255, 0, 0)),
        ("P", 0, "gif", (0, 0, 0)),
    ],
)
def test_modes_become_rgb(tmp_path, mode, colour, suffix, expected):
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (9, 7), colour).save(path)
    image = decode(path)
    assert image.mode == "RGB"
    assert image.size == (9, 7)
    assert image.getpixel((4, 3)) == expected


def test_transparent_palette_is_laid_on_white(tmp_path):
    Image.new("P", (4, 4), 0).save(tmp_path / "a.png", transparency=0)
    assert decode(tmp_path / "a.png").getpixel((1, 1)) == (255, 255, 255)


def test_cmyk_jpeg_keeps_its_colours(tmp_path):
    Image.new("RGB", (16, 16), (200, 30, 40)).convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    assert np.abs(np.array(decode(tmp_path / "a.jpg").getpixel((8, 8))) - (200, 30, 40)).max() < 8


def test_sixteen_bit_grey_is_scaled(tmp_path):
    values = np.array([[0, 257 * 100], [65535, 128]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    grey = np.asarray(decode(tmp_path / "a.png"))[..., 0]
    assert grey.tolist() == [[0, 100], [255, 0]]


def test_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert decode(tmp_path / "a.gif").getpixel((3, 3)) == (255, 0, 0)


def test_truncated_and_foreign_files_are_unreadable(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)).save(
        buffer, "JPEG"
    )
    (tmp_path / "cut.jpg").write_bytes(buffer.getvalue()[:900])
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty.jpg").write_bytes(b"")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "float.tif")
    for name, reason in [
        ("cut.jpg", "truncated"),
        ("text.jpg", "cannot identify"),
        ("empty.jpg", "cannot identify"),
        ("float.tif", "floating point"),
        ("missing.jpg", "no such file"),
    ]:
        with pytest.raises(UnreadableImage, match=reason) as told:
            decode(tmp_path / name)
        assert str(tmp_path) not in str(told.value)


def test_thumbnail_keeps_the_shape_and_never_enlarges():
    data, shape = thumbnail(Image.new("RGB", (400, 100)), 200, 80)
    assert shape == (50, 200)
    assert Image.open(io.BytesIO(data)).size == (200, 50)
    assert thumbnail(Image.new("RGB", (30, 20)), 200, 80)[1] == (20, 30)
