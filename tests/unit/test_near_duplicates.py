"""Photos that are nearly equal across splits: found, told, and left where they are."""

import io

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from precompute_factory import named_encoder, photo_set, without_torch

import precompute
from inficond_panel.cli import main
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from precompute.pipeline.assemble import near_duplicates, near_pairs, near_warning, small_photos


def scene(seed, size=(120, 90)):
    """Soft patches of colour, each scene its own."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def jpeg(image, quality=80):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def test_copies_are_found_others_not_and_the_likest_thousand_are_kept():
    first = scene(0)
    copies = [
        first.resize((80, 60), Image.Resampling.LANCZOS).resize((200, 150)),
        ImageEnhance.Brightness(first).enhance(0.8),
        ImageEnhance.Contrast(first).enhance(0.7),
        ImageOps.mirror(first),
    ]
    others = [ImageOps.flip(first), *(scene(i) for i in range(1, 30))]
    data = [jpeg(first), jpeg(first, 30), *map(jpeg, [*copies, *others])]
    small = small_photos(lambda i: data[i], len(data))
    split = np.array(["fit", *["tune"] * (len(data) - 1)])
    assert [(a, b) for a, b, _ in near_pairs(small, split)] == [(0, i) for i in range(1, 6)]
    assert near_pairs(small, np.array(["fit"] * len(data))) == []
    channel = np.roll(np.asarray(first), 1, axis=2)  # the same grey, other colours
    pair = [jpeg(first), jpeg(Image.fromarray(channel))]
    assert near_pairs(small_photos(lambda i: pair[i], 2), split[:2]) == []
    near = np.asarray(scene(1).resize((16, 16)))
    other = near.copy()
    other[8, 8] ^= 32
    small = np.stack([near, *[other] * 900, *[near] * 200])
    ids = [f"{i:04d}" for i in range(len(small))]
    found = near_duplicates(small, ids, np.array(["fit", *["tune"] * 1100]))
    assert [b for _, b, _ in found] == [*ids[901:], *ids[1:801]]
    told = near_warning(found, dict.fromkeys(ids, "tune") | {"0000": "fit"})
    assert "1000 or more pairs of likeness" in told
    assert ": 0000 (fit) = 0901 (tune), 1.000; " in told
    assert told.endswith("; and 995 more")


def test_precompute_tells_and_check_repeats(tmp_path, monkeypatch, capsys):
    without_torch(monkeypatch)
    ids = photo_set(tmp_path)
    named_encoder(tmp_path / "encoder")
    folder = tmp_path / "photos" / "images"
    for i, name in enumerate(ids):
        scene(i).save(folder / f"{name}.jpg")
    scene(0).resize((60, 45)).save(folder / f"{ids[-1]}.jpg", quality=60)
    spec = load_spec(tmp_path / "spec.yaml")
    report = precompute.run(spec, spec.store)
    (told,) = [text for text in report.warnings if "across splits" in text]
    store = open_store(spec.store)
    where = store.dataset["split"].values[store.images.index(ids[-1])]
    assert f": 00000 (fit) = {ids[-1]} ({where}), 0.99" in told
    ((one, other, likeness),) = store.attrs["near_duplicates"]
    assert (one, other) == ("00000", ids[-1])
    assert told.endswith(f", {likeness:.3f}")
    assert len(store.images) == len(ids)
    assert main(["check", str(tmp_path / "spec.yaml")]) == 0
    assert told in capsys.readouterr().err
