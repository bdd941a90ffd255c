"""The photos behind a store's images: found below their folders only, and shown only if alike."""

import io
from base64 import b64decode
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from inficond_panel.spec.sections.dataset import (
    CocoDataset,
    ColumnsDataset,
    FolderDataset,
    TableDataset,
    VocDataset,
)
from inficond_panel.ui.images import find_photo, load_photo

ROOT = Path("/data/set")


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Make large soft patches, that stay when it is made smaller."""
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "images" / "kitchen").mkdir(parents=True)
    picture(1200, 900).save(tmp_path / "images" / "kitchen" / "7.JPG", "JPEG")
    picture(300, 200).save(tmp_path / "images" / "8.png")
    picture(300, 200).save(tmp_path / "secret.png")
    return tmp_path / "images"


def stored(image: str, small: Image.Image) -> SimpleNamespace:
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return SimpleNamespace(
        attrs={},
        images=[image],
        holds=lambda part: part == "photos",
        picture=lambda _: Image.open(buffer).convert("RGB"),
    )


def spec_of(*folders: Path) -> SimpleNamespace:
    return SimpleNamespace(dataset=SimpleNamespace(photo_folders=lambda: folders))


@pytest.mark.parametrize(
    ("dataset", "given", "expected"),
    [
        (TableDataset, {"images": Path("photos")}, [ROOT / "photos"]),
        (TableDataset, {"images": Path("/elsewhere")}, [Path("/elsewhere")]),
        (TableDataset, {"root": None}, []),
        (VocDataset, {}, [ROOT / "JPEGImages"]),
        (FolderDataset, {}, [ROOT]),
        (ColumnsDataset, {"path": "file"}, [ROOT]),
        (ColumnsDataset, {"path": "file", "image_id": "id"}, []),
        (CocoDataset, {"annotations": ["a/instances_v7.json"]}, [ROOT, ROOT / "v7"]),
        (CocoDataset, {"annotations": ["a.json"], "image_id": "number"}, []),
    ],
)
def test_the_folders_are_those_where_a_photo_is_called_after_its_image(dataset, given, expected):
    made = dataset.model_construct(**{"root": ROOT, **given})
    assert list(made.photo_folders()) == expected


def test_no_name_leads_out_of_the_folder(folder):
    secret = folder.parent / "secret.png"
    (folder / "link.png").symlink_to(secret)
    names = ("../secret", "kitchen/../../secret", "link", "x" * 4000, "a\0b", str(secret))
    assert [find_photo([folder], name) for name in names] == [None] * 6


def test_the_photo_is_sent_at_a_bounded_size(folder, monkeypatch):
    monkeypatch.setattr("inficond_panel.ui.images.LONGEST", 600)
    store = stored("kitchen/7", picture(1200, 900).resize((160, 120)))
    photo = load_photo(spec_of(folder), store, 0)
    assert (photo["width"], photo["height"]) == (600, 450)
    jpeg = b64decode(photo["source"].removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(jpeg)).size == (600, 450)


def test_what_shows_something_else_or_nothing_is_not_the_photo(folder):
    (folder / "9.png").write_bytes(b"no image")
    for spec, image, small in (
        (spec_of(folder), "kitchen/7", picture(160, 120, seed=1)),  # another
        (spec_of(folder), "kitchen/7", picture(120, 160)),  # turned
        (spec_of(folder), "kitchen/7", picture(160, 140)),  # cut
        (spec_of(folder), "9", picture(60, 40)),  # damaged
        (spec_of(), "8", picture(60, 40)),  # a data set without photos
    ):
        assert load_photo(spec, stored(image, small), 0) is None
