"""Only the readers of the formats that are expected are let near a file: some start programs."""

import ast
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays
from PIL import Image

from inficond_panel.errors import StoreFormatError
from inficond_panel.store import open_store, write_store
from inficond_panel.store.images import UnreadableImage
from precompute.segments.files import read_mask

ROOT = Path(__file__).parents[2]
FILES = [*(ROOT / "inficond_panel").rglob("*.py"), *(ROOT / "precompute").rglob("*.py")]


def opening_calls(file):
    tree = ast.parse(file.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) in ("Image.open", "PIL.Image.open")]


def test_every_call_names_the_formats():
    calls = {f"{file}:{call.lineno}": call for file in FILES for call in opening_calls(file)}
    assert len(calls) >= 5
    for place, call in calls.items():
        assert "formats" in {keyword.arg for keyword in call.keywords}, place


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
    monkeypatch.setattr("subprocess.Popen", None)
    with pytest.raises(StoreFormatError, match="of the image '000000' is not a JPEG of 32"):
        store.patch(0)
    assert store.picture(1).size == (32, 32)


@pytest.mark.parametrize("form", ["EPS", "JPEG"])
def test_a_mask_that_is_no_png_is_passed_over(tmp_path, form):
    (tmp_path / "a.png").write_bytes(picture(form))
    with pytest.raises(UnreadableImage, match=r"a\.png cannot be read"):
        read_mask(tmp_path, "a", (32, 32))


def test_a_mask_of_another_size_is_told_without_decoding_it(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(picture("PNG", (12_000, 9_000)))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    with pytest.raises(UnreadableImage, match="12000 x 9000, the image 32 x 32"):
        read_mask(tmp_path, "a", (32, 32))
