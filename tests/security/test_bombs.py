"""Small files that claim or unpack to large arrays or images take little memory."""

import io
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from inficond_panel.common.npz import Npz, open_npz
from inficond_panel.errors import DataError, ExportError
from inficond_panel.export.folder import load_export
from inficond_panel.store.images import DETAIL, MOST_SIDE, UnreadableImage, decode, to_rgb
from precompute.teachers.tables import read_outputs

MOST = 100_000_000
TEXTS = {"format": "inficond-students", "format_version": 1, "card": "{}", "sha256": "0"}
STUDENTS = {
    **{name: np.array(value) for name, value in TEXTS.items()},
    "classes": np.array(["cat", "dog"]),
    "concepts": np.array(["ear", "tail"]),
    "weights": np.zeros((2, 2)),
    "intercepts": np.zeros(2),
    "thresholds": np.zeros(2),
}
BIG = np.zeros(15_000_000)  # 120 MB, compressed 0.1 MB


def npz(file, **arrays):
    np.savez_compressed(file, **arrays)
    return file


def peak(call, error):
    """Return the most memory, in bytes, that ``call`` takes until it raises ``error``."""
    tracemalloc.start()
    try:
        with pytest.raises(error):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", [*STUDENTS, "another"])
def test_an_export_of_large_arrays_is_refused_in_little_memory(tmp_path, name):
    file = npz(tmp_path / "students.npz", **STUDENTS | {name: BIG})
    assert peak(lambda: load_export(file), ExportError) < MOST


@pytest.mark.parametrize("name", ["image_id", "class_name", "logit"])
def test_a_table_of_large_arrays_is_refused_in_little_memory(tmp_path, name):
    arrays = {
        "image_id": np.array(["a"]),
        "class_name": np.array(["cat"]),
        "logit": np.zeros((1, 1)),
    }
    file = npz(tmp_path / "t.npz", **arrays | {name: BIG})
    assert peak(lambda: read_outputs(file, ["a"], ["cat"]), DataError) < MOST


def claiming(shape):
    """An npz file whose array claims a shape, and holds 8 bytes."""
    entry, file = io.BytesIO(), io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(entry, header)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", entry.getvalue() + bytes(8))
    return file.getvalue()


@pytest.mark.parametrize("shape", [(10**9,), (0,), (2,), (10**6, 10**6)])
def test_a_shape_that_an_array_does_not_hold_is_refused(shape):
    with open_npz(claiming(shape)) as file, pytest.raises(ValueError, match="and holds 8 bytes"):
        file.read("a")


def with_header(length, version=2):
    """A compressed npz file whose array has a header of ``length`` blanks around its values."""
    values = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"
    size = struct.pack("<I" if version == 2 else "<H", length)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        head = b"\x93NUMPY" + bytes((version, 0)) + size
        archive.writestr("a.npy", head + values.ljust(length - 1) + b"\n" + bytes(8))
    return file.getvalue()


@pytest.mark.parametrize("read", [Npz.read, Npz.shape])
def test_a_large_header_is_refused_in_little_memory(read):
    content = with_header(50_000_000)
    with open_npz(content) as file:
        assert peak(lambda: read(file, "a"), ValueError) < 5_000_000


@pytest.mark.parametrize("version", [1, 2])
def test_a_header_of_usual_length_is_read(version):
    with open_npz(with_header(118, version)) as file:
        assert file.read("a").tolist() == [0.0]


def test_an_array_beyond_the_limit_is_refused_before_its_header_is_read():
    with open_npz(with_header(30_000)) as file, pytest.raises(ValueError, match="more than 100"):
        file.read("a", most=100)


def test_arrays_of_one_name_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", b"")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", b"")
    with pytest.raises(ValueError, match="the same name"), open_npz(file.getvalue()):
        pass


def as_file(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("size", [(1, MOST_SIDE + 1), (MOST_SIDE + 1, 1)])
def test_a_strip_that_could_not_be_reduced_is_refused(kind, size):
    with pytest.raises(UnreadableImage, match="more than 65,535 pixels on a side"):
        decode(as_file(Image.new("L", size), kind))


@pytest.mark.parametrize(("kind", "most"), [("WEBP", 67_108_863), ("AVIF", 119_304_646)])
def test_a_format_that_takes_more_memory_may_have_fewer_pixels(monkeypatch, kind, most):
    """One GiB for each format, as measured: 16 and 9 bytes per pixel, instead of 6."""
    opened = Image.open
    image = as_file(Image.new("RGB", (16, 16)), kind)

    def larger(file, **options):
        image = opened(file, **options)
        image._size = (16_383, most // 16_383 + 1)
        return image

    monkeypatch.setattr(Image, "open", larger)
    with pytest.raises(UnreadableImage, match=f"more than {most:,} pixels"):
        decode(image)


def test_the_longest_strip_is_read():
    assert decode(as_file(Image.new("L", (1, MOST_SIDE)), "PNG")).size == (1, MOST_SIDE)


def tiled(side):
    """A TIFF file of 9 × 9 grey pixels in one tile of ``side`` × ``side``."""
    content = zlib.compress(bytes(81))
    size = {256: 9, 257: 9, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side}
    tags = [*size.items(), (324, 8), (325, len(content))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack("<4sI", b"II*\0", 8 + len(content)) + content
    return start + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("side", [20_000, MOST_SIDE + 1])
def test_a_small_image_in_a_large_tile_is_refused(side):
    with pytest.raises(UnreadableImage, match="more than"):
        decode(tiled(side))


def drawn(mode):
    """An image of 5 million random pixels, which is reduced by 2, with a rest on both sides."""
    levels = np.random.default_rng(0).integers(0, 256, (2101, 2503, 4), np.uint8)
    if mode == "I;16":
        return Image.fromarray(levels[..., :2].copy().view(np.uint16)[..., 0])
    image = Image.fromarray(levels[..., 0] if mode in ("L", "P") else levels[..., : len(mode)])
    if mode == "P":
        image.putpalette(np.random.default_rng(1).integers(0, 256, 768, np.uint8).tobytes())
    return image


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_an_image_in_strips_is_the_image_reduced(mode):
    image = drawn(mode)
    assert image.width * image.height >= 4 * DETAIL
    expected = to_rgb(image.reduce(2))
    np.testing.assert_array_equal(decode(as_file(image, "PNG", compress_level=1)), expected)


@pytest.mark.parametrize("mode", ["P", "I;16"])
def test_an_image_in_strips_is_the_image_converted_then_reduced(mode):
    image = drawn(mode)
    expected = to_rgb(image).reduce(2)
    np.testing.assert_array_equal(decode(as_file(image, "PNG", compress_level=1)), expected)


def test_an_image_in_strips_is_turned_upright():
    image = drawn("P")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode(as_file(image, "PNG", exif=exif, compress_level=1))
    expected = to_rgb(image).reduce(2).transpose(Image.Transpose.ROTATE_270)
    np.testing.assert_array_equal(turned, expected)


_GROWTH = """
import resource, sys
from pathlib import Path
from inficond_panel.store.images import decode
decode(Path(sys.argv[2]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode(Path(sys.argv[1]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mode"), [("JPEG2000", "RGB"), ("PNG", "P"), ("TIFF", "I;16")])
def test_a_large_image_takes_less_than_eight_bytes_per_pixel(tmp_path, kind, mode):
    for side, name in ((4000, "large"), (60, "small")):
        (tmp_path / name).write_bytes(as_file(Image.new(mode, (side, side)), kind))
    line = [sys.executable, "-c", _GROWTH, tmp_path / "large", tmp_path / "small"]
    told = subprocess.run(line, capture_output=True, text=True, check=True)
    assert int(told.stdout) < 8 * 4000**2
