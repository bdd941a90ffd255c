"""Segments as torch functions: the same partitions as those of numpy, ties included."""

from __future__ import annotations

import numpy as np
import pytest

from precompute.segments.methods import cluster_graph, cluster_kmeans
from precompute.segments.regions import connect

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def cells_of(seed: int) -> np.ndarray:
    """Cells (h, w, 8): noise; or blocks alike, which tie; or few values, which tie often."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(2, 8, 2)
    cells = rng.normal(size=(height, width, 8))
    if seed % 3 == 1:
        cells = rng.normal(size=(4, 4, 8)).repeat(2, 0).repeat(2, 1)[:height, :width]
    if seed % 3 == 2:
        cells = np.round(cells.clip(-1, 1) / 2)[..., :2] + 1.0
    return cells.astype(np.float32)


def together(labels: np.ndarray) -> np.ndarray:
    """Pairs of places that are in one segment, whatever its number."""
    return labels.ravel()[:, None] == labels.ravel()[None]


@pytest.mark.parametrize("seed", range(30))
def test_the_same_segments(seed):
    from precompute.segments.tensors import Graph, KMeans

    cells, count = cells_of(seed), 1 + seed % 9
    grid, flat = cells.shape[:2], torch.from_numpy(cells.reshape(-1, cells.shape[-1]))
    for expected, divide in (
        (cluster_kmeans(cells, count, seed, 0.7), KMeans(grid, count, seed, 0.7)),
        (cluster_graph(cells, count, 0.7), Graph(grid, count, 0.7)),
    ):
        member = divide(flat)
        assert (member.sum(1) == 1).all()
        np.testing.assert_array_equal(together(member.argmax(1).numpy()), together(expected))


@pytest.mark.parametrize("seed", range(20))
def test_parts_that_are_cut_off_go_to_their_neighbours(seed):
    from precompute.segments.tensors import adjacency, connected

    grid = (6, 7)
    labels = np.random.default_rng(seed).integers(0, 3, grid)
    member = torch.nn.functional.one_hot(torch.from_numpy(labels.ravel()), 3).float()
    found = connected(member, torch.from_numpy(adjacency(grid)), sum(grid)).argmax(1).numpy()
    np.testing.assert_array_equal(together(found), together(connect(labels)))
