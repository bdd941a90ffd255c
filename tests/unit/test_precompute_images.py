"""Photos of all kinds become upright RGB; only readers of expected formats get a file."""

import ast
import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays
from PIL import Image, ImageCms

from inficond_panel.errors import StoreFormatError
from inficond_panel.store import open_store, write_store
from inficond_panel.store.images import DETAIL, MOST_SCANS, UnreadableImage, decode, thumbnail


def test_exif_orientation_turns_the_image(tmp_path):
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 8, 8))
    exif = image.getexif()
    exif[0x0112] = 6  # shown after a turn of 90 degrees clockwise
    image.save(tmp_path / "a.png", exif=exif)
    turned = decode(tmp_path / "a.png")
    assert (turned.size, turned.getpixel((18, 2))) == ((20, 40), (255, 0, 0))
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
        ("I;16", 257 * 90, "pgm", (90, 90, 90)),
    ],
)
def test_modes_become_rgb(tmp_path, mode, colour, suffix, expected):
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (9, 7), colour).save(path)
    image = decode(path)
    assert (image.mode, image.size, image.getpixel((4, 3))) == ("RGB", (9, 7), expected)


RED = (200, 30, 40)


@pytest.fixture
def red():
    return Image.new("RGB", (16, 16), RED)


def furthest(path: Path) -> int:
    """Largest difference of a colour at the middle of an image to red."""
    return int(np.abs(np.array(decode(path).getpixel((8, 8))) - RED).max())


def test_the_first_frame_of_several_is_taken(tmp_path, red):
    blue = Image.new("RGB", (16, 16), "blue")
    red.save(tmp_path / "a.gif", save_all=True, append_images=[blue])
    assert furthest(tmp_path / "a.gif") == 0


def test_a_profile_of_another_space_keeps_the_colours(tmp_path, red):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    red.save(tmp_path / "a.png", icc_profile=profile)
    assert furthest(tmp_path / "a.png") == 0


def test_inks_keep_the_colours(tmp_path, red):
    red.convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    assert furthest(tmp_path / "a.jpg") <= 7


def test_of_sixteen_bits_the_upper_ones_are_kept(tmp_path):
    values = np.array([[0, 257 * 100], [65535, 128]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    grey = np.asarray(decode(tmp_path / "a.png"))[..., 0]
    assert grey.tolist() == [[0, 100], [255, 0]]
    rows = b"".join(b"\0" + struct.pack(">6H", 65535, 0, 256 * 77 + 255, 1, 2, 3) for _ in range(2))
    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n"  # of colours the upper byte
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        crc = struct.pack(">I", zlib.crc32(name + data))
        png += struct.pack(">I", len(data)) + name + data + crc
    (tmp_path / "a.png").write_bytes(png)
    image = decode(tmp_path / "a.png")
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 77), (0, 0, 0)]


def noisy(width, height):
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module", params=["jpg", "png", "tif"])
def large(tmp_path_factory, request):
    """A large image whose orientation is in its EXIF: as decoded, and turned by hand."""
    file = tmp_path_factory.mktemp("large") / f"a.{request.param}"
    image = noisy(4000, 3000)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(file, exif=exif)
    return decode(file), image.transpose(Image.Transpose.ROTATE_270)


@pytest.mark.slow
def test_a_large_image_is_reduced(large):
    got, _ = large
    assert DETAIL <= got.width * got.height < 4 * DETAIL


@pytest.mark.slow
def test_a_reduced_image_keeps_its_shape(large):
    got, _ = large
    assert got.width / got.height == pytest.approx(3 / 4, abs=0.01)


@pytest.mark.slow
def test_a_reduced_image_is_upright(large):
    small = [np.asarray(image.resize((60, 80)), dtype=float) for image in large]
    assert np.abs(small[0] - small[1]).mean() < 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGBA", "CMYK"])
def test_large_images_of_all_modes_are_reduced(tmp_path, mode):
    image = Image.new("RGB", (3000, 1600), (200, 30, 40)).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.full((1600, 3000), 257 * 90, dtype=np.uint16))
    image.save(tmp_path / "a.tif")
    got = decode(tmp_path / "a.tif")
    assert got.size == (1500, 800)
    expected = (90,) * 3 if mode == "I;16" else np.asarray(image.convert("RGB")).mean((0, 1))
    assert np.abs(np.asarray(got).mean((0, 1)) - expected).max() < 3


def test_a_key_colour_is_laid_on_white_before_it_is_mixed(tmp_path):
    pixels = np.zeros((1600, 3000, 3), np.uint8)
    pixels[:, ::2] = (0, 255, 0)
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=(0, 255, 0))
    assert set(decode(tmp_path / "a.png").getpixel((700, 300))) <= {127, 128}


@pytest.mark.parametrize("side", [13_400, 60_000])
def test_a_small_file_that_says_it_is_very_large_is_not_decoded(side):
    data = bytearray(picture("PNG", (8, 8)))
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    with pytest.raises(UnreadableImage, match="more than 178,956,970 pixels"):
        decode(bytes(data))


def test_a_photo_of_countless_scans_is_not_decoded():
    file = io.BytesIO()
    Image.new("L", (64, 64), 128).save(file, "JPEG", progressive=True)
    body, end = file.getvalue()[:-2], file.getvalue()[-2:]
    last, scans = body[body.rindex(b"\xff\xda") :], body.count(b"\xff\xda")
    assert decode(body + last * (MOST_SCANS - scans) + end).size == (64, 64)
    with pytest.raises(UnreadableImage, match="100 scans"):
        decode(body + last * (MOST_SCANS + 1 - scans) + end)


def test_no_other_reader_of_pillow_gets_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_: pytest.fail("it was started"))
    Image.new("RGB", (5, 5)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    with pytest.raises(UnreadableImage, match=r"not an image of a known format .*%!PS"):
        decode(tmp_path / "a.jpg")


def test_what_cannot_be_read_says_why(tmp_path):
    for name, most in (("cut.jpg", 900), ("cut.png", -30)):
        noisy(90, 90).save(tmp_path / name)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:most])
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(np.full((4, 4), 200, np.int32)).save(tmp_path / "deep.tif")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, reason in [
        ("cut.jpg", "truncated"),
        ("cut.png", "truncated|unexpected|broken"),
        ("text.jpg", r"not an image of a known format \(it starts with b'no image'\)"),
        ("empty.jpg", "the file is empty"),
        ("phone.jpg", "HEIC is not supported; convert it to JPEG"),
        ("float.tif", "floating point"),
        ("deep.tif", "more than 16 bits"),
        ("folder.jpg", "not a file"),
        ("pipe.jpg", "not a file"),
        ("missing.jpg", "no such file"),
        (f"{'long' * 99}.jpg", "name too long"),
    ]:
        with pytest.raises(UnreadableImage, match=reason) as told:
            decode(tmp_path / name)
        assert str(tmp_path) not in str(told.value)
        assert "\n" not in str(told.value)


def test_a_thumbnail_keeps_the_shape():
    data, shape = thumbnail(Image.new("RGB", (400, 100)), 200, 80)
    assert shape == (50, 200)
    assert Image.open(io.BytesIO(data)).size == (200, 50)


def test_a_thumbnail_is_never_larger_than_the_image():
    assert thumbnail(Image.new("RGB", (30, 20)), 200, 80)[1] == (20, 30)


def test_every_call_names_the_formats():
    root = Path(__file__).parents[2]
    calls = {
        f"{file}:{node.lineno}": {keyword.arg for keyword in node.keywords}
        for room in ("inficond_panel", "precompute")
        for file in (root / room).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Image.open", "PIL.Image.open")
    }
    assert len(calls) >= 5
    assert [place for place, named in calls.items() if "formats" not in named] == []


def picture(form, size=(32, 32)):
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        Image.new("1" if form == "PNG" else "RGB", size).save(buffer, form)
    return buffer.getvalue()


OTHERS = {
    "a format that starts a program": picture("EPS"),
    "a decompression bomb": picture("PNG", (20_000, 20_000)),
    "another size": picture("JPEG", (33, 32)),
    "cut": picture("JPEG")[:200],
    "no picture": b"none",
}


@pytest.mark.parametrize("thumbnail", OTHERS.values(), ids=OTHERS)
def test_a_thumbnail_that_is_no_jpeg_of_its_size_is_refused(tmp_path, thumbnail, monkeypatch):
    arrays = small_arrays(images=12, concepts=6, classes=2)
    whole = picture("JPEG")
    arrays["thumbnail"] = np.frombuffer(thumbnail + 11 * whole, np.uint8)
    lengths = [len(thumbnail), *[len(whole)] * 11]
    arrays["thumbnail_offset"] = np.cumsum([0, *lengths])
    write_store(tmp_path / "s.zarr", arrays, ATTRS)
    store = open_store(tmp_path / "s.zarr")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", None)
    with pytest.raises(StoreFormatError, match="of the image '000000' is not a JPEG of 32"):
        store.patch(0)
    assert store.picture(1).size == (32, 32)
