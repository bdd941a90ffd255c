"""Segments: uniform, connected, at most so many, the same each time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from precompute.segments import cluster, connect, segment, unit, upsample

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def cells_of(areas: np.ndarray, noise: float = 0.05) -> np.ndarray:
    """Cells that point in one direction per area."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    return (directions[areas] + noise * rng.normal(size=(*areas.shape, 16))).astype(np.float32)


def test_areas_that_differ_become_segments_of_their_own():
    areas = np.zeros((8, 10), dtype=int)
    areas[:, 5:] = 1
    areas[5:, 2:7] = 2
    found = segment(cells_of(areas), 12, seed=0)
    for j in range(len(found.box)):
        assert len(np.unique(areas[found.labels == j])) == 1


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(1, 12), st.integers(0, 99))
def test_segments_cover_the_image_and_are_connected(shape, most, seed):
    cells = np.random.default_rng(seed).normal(size=(*shape, 5)).astype(np.float32)
    found = segment(cells, most, seed)
    count = len(found.box)
    assert count <= min(most, shape[0] * shape[1])
    assert np.unique(found.labels).tolist() == list(range(count))
    np.testing.assert_allclose(np.linalg.norm(found.embedding, axis=1), 1, atol=1e-5)
    for j in range(count):
        inside = found.labels == j
        assert ndimage.label(inside)[1] == 1
        mean = sum(cells[y, x] for y, x in zip(*np.nonzero(inside), strict=True)) / inside.sum()
        np.testing.assert_allclose(found.embedding[j], mean / np.linalg.norm(mean), atol=1e-4)
        y, x = np.nonzero(inside)
        box = [x.min() / shape[1], y.min() / shape[0]]
        box += [(x.max() + 1) / shape[1], (y.max() + 1) / shape[0]]
        np.testing.assert_allclose(found.box[j], box, atol=1e-6)
    again = segment(cells, most, seed)
    np.testing.assert_array_equal(found.labels, again.labels)


def test_clustering_lowers_the_cost_below_that_of_the_seeds_alone(monkeypatch):
    cells = np.random.default_rng(1).normal(size=(9, 9, 4)).astype(np.float32)

    def spread(labels):
        direction = unit(cells).reshape(-1, 4)
        place = np.stack(np.mgrid[:9, :9], -1).reshape(-1, 2) / 9
        total = 0.0
        for j in np.unique(labels):
            inside = labels.ravel() == j
            total += (1 - direction[inside] @ unit(direction[inside].mean(0))).sum()
            total += np.square(place[inside] - place[inside].mean(0)).sum()
        return total

    whole = spread(cluster(cells, 8, 0))
    monkeypatch.setattr("precompute.segments.ITERATIONS", 0)
    assert whole < 0.95 * spread(cluster(cells, 8, 0))


def test_equal_and_empty_cells_make_one_segment_and_no_fault():
    assert len(segment(np.ones((4, 4, 3), np.float32), 1, 0).box) == 1
    zeros = segment(np.zeros((4, 4, 3), np.float32), 5, 0)
    assert np.isfinite(zeros.embedding).all()


def test_an_island_goes_to_the_segment_around_it():
    labels = np.zeros((5, 6), dtype=int)
    labels[:, 4:] = 1
    labels[2, 1] = 1
    expected = np.zeros((5, 6), dtype=int)
    expected[:, 4:] = 1
    np.testing.assert_array_equal(connect(labels), expected)


@pytest.mark.parametrize("shape", [(24, 36), (7, 50), (3, 2)])
def test_upsampled_map_shows_each_cell_around_its_centre(shape):
    labels = np.arange(6).reshape(2, 3)
    pixels = upsample(labels, shape)
    assert pixels.shape == shape
    assert pixels.dtype == np.uint8
    assert pixels.min() >= 1
    if shape == (24, 36):
        centres = pixels[6::12, 6::12]
        np.testing.assert_array_equal(centres, labels + 1)
        np.testing.assert_array_equal(pixels, np.repeat(np.repeat(labels + 1, 12, 0), 12, 1))
