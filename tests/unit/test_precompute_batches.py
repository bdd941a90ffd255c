"""Photos that are encoded together, results that appear whole, and arrays made of pieces."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.batches.results import (
    Concatenated,
    Results,
    Segmented,
    batches_of,
    key_of,
    photo_keys,
)

sets = st.sets(st.binary(min_size=1, max_size=4).map(lambda b: hashlib.sha256(b).hexdigest()))


@given(sets, st.integers(1, 9))
def test_batches_hold_every_key_once_and_are_not_too_large(some, size):
    batches = batches_of(some, size)
    assert sorted(key for batch in batches for key in batch) == sorted(some)
    assert all(1 <= len(batch) <= size for batch in batches)
    assert all(a[-1] < b[0] for a, b in pairwise(batches))


@given(sets, st.binary(min_size=5, max_size=6), st.integers(1, 9))
def test_one_more_photo_changes_one_batch(some, new, size):
    """All others stay; the batch of the new one may be cut in two (or more, by equal bits)."""
    more = some | {hashlib.sha256(new).hexdigest()}
    before, after = set(batches_of(some, size)), set(batches_of(more, size))
    assert len(before - after) <= 1
    changed = {key for batch in after - before for key in batch}
    assert len(changed) <= size + 1


def test_keys_are_of_contents_whatever_the_order_of_names():
    found = photo_keys("abcd", ["1", "1", "unreadable", "unreadable"])
    assert found[0] == found[1] == hashlib.sha256(b"1").hexdigest()
    assert len(set(found)) == 3
    one = key_of("a", {"x": 1, "y": [1, 2]})
    assert key_of("a", {"y": [1, 2], "x": 1}) == one
    others = [("b", {"x": 1, "y": [1, 2]}), ("a", {"x": 2, "y": [1, 2]}), ("a", {"x": 1, "y": [2]})]
    assert len({one, *(key_of(*other) for other in others)}) == 4


@pytest.mark.parametrize(
    "values",
    [
        np.arange(50_000, dtype=np.float32).reshape(100, 500),
        np.empty((0, 3), np.float16),
        np.array(["", "ä"]),
        np.array("one text"),
        np.arange(6, dtype=np.int64)[::2],
    ],
)
def test_results_are_read_back_as_they_were(tmp_path, values):
    results = Results(tmp_path / "partial")
    assert results.get("scores", "k" * 64) is None
    results.put("scores", "k" * 64, {"a": values, "b": np.zeros(1)})
    found = results.get("scores", "k" * 64)
    assert sorted(found) == ["a", "b"]
    assert found["a"].dtype == values.dtype
    np.testing.assert_array_equal(found["a"], values)
    assert isinstance(found["a"], np.memmap) == (values.nbytes > 100_000)


def test_a_result_that_is_not_whole_is_none(tmp_path):
    results = Results(tmp_path)
    with pytest.raises(AttributeError):
        results.put("a", "k", {"x": np.arange(3), "y": "no array"})
    assert not list(tmp_path.iterdir())
    for spoilt in (b"", b"cut"):
        results.put("a", "k", {"x": np.arange(100_000)})
        (results.place("a", "k") / "x.npy").write_bytes(spoilt)
        assert results.get("a", "k") is None
    results.put("a", "k", {"x": np.arange(3)})  # over the one that is spoilt
    assert results.get("a", "k")["x"].tolist() == [0, 1, 2]


@given(
    st.lists(st.lists(st.integers(0, 5), max_size=5), min_size=1, max_size=6),
    st.randoms(),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_pieces_are_what_putting_them_together_gives(lengths, random, start, stop):
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 99, (sum(counts), 2)) for counts in lengths]
    places = [(p, i) for p, counts in enumerate(lengths) for i in range(len(counts))]
    random.shuffle(places)
    if not places:
        return
    first = [sum(lengths[p][:i]) for p, i in places]
    count = [lengths[p][i] for p, i in places]
    whole = np.concatenate([
        parts[p][f : f + n] for (p, _), f, n in zip(places, first, count, strict=True)
    ])  # fmt: skip
    part = np.array([p for p, _ in places])
    pieces = Concatenated(parts.__getitem__, part, np.array(first), np.array(count))
    assert pieces.shape == whole.shape
    np.testing.assert_array_equal(pieces[start:stop], whole[start:stop])
    np.testing.assert_array_equal(np.asarray(pieces), whole)


def result(rng, segments, reasons):
    """Arrays of a batch: ``segments`` of each photo that was read."""
    shapes = rng.integers(1, 5, (len(segments), 2)).astype(np.int32)
    lengths = rng.integers(1, 9, len(segments))
    total = sum(segments)
    return {
        "reason": np.array(reasons),
        "segments": np.array(segments, dtype=np.int32),
        "embedding": rng.normal(size=(total, 3)).astype(np.float16),
        "box": rng.random((total, 4)).astype(np.float32),
        "mask": rng.integers(0, 9, shapes.prod(1).sum()).astype(np.uint8),
        "thumbnail": rng.integers(0, 9, lengths.sum()).astype(np.uint8),
        "thumbnail_length": lengths,
        "thumbnail_shape": shapes,
    }


def test_arrays_of_segmented_photos_are_in_the_order_of_the_data_set():
    rng = np.random.default_rng(1)
    parts = [
        (("a", "b", "c"), result(rng, [2, 3], ["", "no image", ""])),
        (("d",), {"reason": np.array(["no such file"])}),
        (("e", "f"), result(rng, [1, 4], ["", ""])),
    ]
    of = {"a": (0, 0), "c": (0, 1), "e": (2, 0), "f": (2, 1)}
    order = ["f", "b", "a", "d", "c", "a", "e"]
    segmented = Segmented([(k, lambda arrays=arrays: arrays) for k, arrays in parts], order)
    assert segmented.reason == ["", "no image", "", "no such file", "", "", ""]
    arrays = segmented.arrays
    read = [of[key] for key in order if key in of]
    counters = {
        "embedding": lambda a: a["segments"],
        "box": lambda a: a["segments"],
        "mask": lambda a: a["thumbnail_shape"].prod(1),
        "thumbnail": lambda a: a["thumbnail_length"],
    }
    for name, count in counters.items():
        expected = np.concatenate([
            np.split(parts[p][1][name], np.cumsum(count(parts[p][1])))[i] for p, i in read
        ])  # fmt: skip
        np.testing.assert_array_equal(np.asarray(arrays[name]), expected)
    for name in ("segments", "thumbnail_length", "thumbnail_shape"):
        np.testing.assert_array_equal(arrays[name], [parts[p][1][name][i] for p, i in read])
