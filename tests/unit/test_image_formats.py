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

ROOT = Path(__file__).parents[2]
FILES = [*(ROOT / "inficond_panel").rglob("*.py"), *(ROOT / "precompute").rglob("*.py")]


def test_every_call_names_the_formats():
    calls = {
        f"{file}:{node.lineno}": {keyword.arg for keyword in node.keywords}
        for file in FILES
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
    monkeypatch.setattr("subprocess.Popen", None)
    with pytest.raises(StoreFormatError, match="of the image '000000' is not a JPEG of 32"):
        store.patch(0)
    assert store.picture(1).size == (32, 32)
