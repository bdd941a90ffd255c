"""Clustering of cells as torch functions without branches, for the export to ONNX.

Segments equal those of ``cluster_kmeans`` and ``cluster_graph``: the same draws, the same order in
ties. Loops have the largest number of steps that a grid can need: an exported graph has no break.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from precompute.segments.label_maps import neighbours, places
from precompute.segments.methods import KMEANS_ITERATIONS

#: Cost of a missing cluster; finite in float32.
_NEVER = 1e30


def unit(vectors: Tensor) -> Tensor:
    """Scale vectors to length 1 along the last axis; zero vectors stay zero."""
    length = (vectors * vectors).sum(-1, keepdim=True).sqrt()
    return vectors / torch.where(length > 0, length, torch.ones_like(length))


def adjacency(grid: tuple[int, int]) -> np.ndarray:
    """Return a float32 matrix ``(n, n)`` that is 1 where two cells of a grid share a side."""
    count = grid[0] * grid[1]
    pairs = neighbours(np.arange(count).reshape(grid))
    near = np.zeros((count, count), np.float32)
    near[pairs[:, 0], pairs[:, 1]] = near[pairs[:, 1], pairs[:, 0]] = 1
    return near


class Whole(torch.nn.Module):
    """Module that puts all cells into one segment: members ``(n, 1)``, all 1."""

    def forward(self, cells: Tensor) -> Tensor:
        """Return members of one segment, from cells ``(n, embed)``."""
        return torch.ones_like(cells[:, :1])


class KMeans(torch.nn.Module):
    """Module with the segments of ``cluster_kmeans`` as members ``(n, count)``: 1 for its cells.

    Segments may be empty. The random draws depend on the seed and the number of cells alone, so
    they are constants."""

    place: Tensor
    near: Tensor
    numbers: Tensor

    def __init__(self, grid: tuple[int, int], count: int, seed: int, spatial: float) -> None:
        super().__init__()
        cells = grid[0] * grid[1]
        rng = np.random.default_rng(seed)
        self.grid, self.count = grid, min(count, cells)
        self.first = int(rng.integers(cells))
        self.draws = [float(rng.random()) for _ in range(self.count - 1)]
        centres = np.float32(np.sqrt(spatial)) * places(*grid)
        self.register_buffer("place", torch.from_numpy(centres))
        self.register_buffer("near", torch.from_numpy(adjacency(grid)))
        self.register_buffer("numbers", torch.arange(self.count))

    def forward(self, cells: Tensor) -> Tensor:
        """Return members ``(n, count)`` of the segments, from cells ``(n, embed)``."""
        direction = unit(cells)
        member = self._members(self._first_costs(direction))
        for _ in range(KMEANS_ITERATIONS):
            size = member.sum(0)
            centre = unit(member.T @ direction)
            middle = (member.T @ self.place) / size.clamp(min=1)[:, None]
            empty = (size == 0).to(member.dtype) * _NEVER
            member = self._members(_cost(direction, self.place, centre, middle) + empty)
        return connected(member, self.near, sum(self.grid))

    def _members(self, cost: Tensor) -> Tensor:
        return (cost.argmin(1)[:, None] == self.numbers).to(cost.dtype)

    def _first_costs(self, direction: Tensor) -> Tensor:
        """Return costs ``(n, count)`` of k-means++'s centres; ``_NEVER`` for missing centres."""
        at = torch.arange(len(self.place)) == self.first
        taken, some, costs = at, None, []
        for draw in [*self.draws, None]:
            chosen = at.to(direction.dtype)[None]
            cost = _cost(direction, self.place, chosen @ direction, chosen @ self.place)
            missing = 0.0 if some is None else (~some).to(cost.dtype) * _NEVER
            costs.append(cost + missing)
            if draw is None:
                break
            nearest = torch.cat(costs, 1).min(1).values.clamp(min=0).double()
            nearest = nearest * (~taken).double()
            left = nearest.sum() > 0
            some = left if some is None else some & left
            share = torch.cumsum(nearest / torch.where(left, nearest.sum(), 1.0), 0)
            below = (share / torch.where(left, share[-1], 1.0) <= draw).sum()
            at = torch.arange(len(self.place)) == below.clamp(max=len(self.place) - 1)
            taken = taken | at
        return torch.cat(costs, 1)


def _cost(direction: Tensor, place: Tensor, centre: Tensor, middle: Tensor) -> Tensor:
    gap = place[:, None] - middle[None]
    return 1 - direction @ centre.T + (gap * gap).sum(-1)


def connected(member: Tensor, near: Tensor, rounds: int) -> Tensor:
    """Make each segment of members ``(n, k)`` one connected part, like ``regions.connect``.

    ``near`` ``(n, n)`` is 1 for cells that share a side; ``rounds`` is the longest path to fill.
    """
    cells = len(near)
    order = torch.arange(cells)
    reach = near * (member @ member.T) + torch.eye(cells)
    for _ in range(max(1, math.ceil(math.log2(cells)))):  # each step doubles the distance
        reach = ((reach @ reach) > 0).to(member.dtype)
    first = torch.where(reach > 0, order[None], cells).min(1).values
    key = reach.sum(1) * cells + (cells - 1 - first).to(member.dtype)  # the largest, then the first
    largest = (member * key[:, None]).max(0).values
    kept = member * ((member @ largest[:, None])[:, 0] == key).to(member.dtype)[:, None]
    numbers = torch.arange(member.shape[1])
    for _ in range(rounds):
        votes = near @ kept
        new = (votes.max(1).values > 0) & (kept.sum(1) == 0)
        winner = (votes.argmax(1)[:, None] == numbers).to(member.dtype)
        kept = kept + winner * new.to(member.dtype)[:, None]
    return kept


class Graph(torch.nn.Module):
    """Module for the segments of ``cluster_graph``, as members ``(n, n)``; ``count`` have cells."""

    place: Tensor
    near: Tensor

    def __init__(self, grid: tuple[int, int], count: int, spatial: float) -> None:
        super().__init__()
        cells = grid[0] * grid[1]
        self.merges = max(0, cells - count)
        centres = np.float32(np.sqrt(spatial)) * places(*grid)
        self.register_buffer("place", torch.from_numpy(centres))
        self.register_buffer("near", torch.from_numpy(adjacency(grid)))
        self.merge = torch.jit.script(merge)

    def forward(self, cells: Tensor) -> Tensor:
        """Return members ``(n, n)`` of the segments, from cells ``(n, embed)``."""
        direction = unit(cells) * float(np.float32(np.sqrt(0.5)))
        feature = torch.cat([direction, self.place], 1).double()
        return self.merge(feature, self.near, self.merges).to(cells.dtype)


def merge(feature: Tensor, near: Tensor, merges: int) -> Tensor:
    """Merge regions ``(n, d)`` by Ward's rule in ``merges`` steps; return members ``(n, n)``.

    ``near`` is 1 for neighbours. A union gets a new number, and the position of its first region.
    """
    cells = feature.shape[0]
    order = torch.arange(cells)
    number, weight, middle, around = order, torch.ones_like(feature[:, 0]), feature, near > 0
    member = torch.eye(cells, dtype=torch.float64)
    gap = (middle[:, None] - middle[None]).pow(2).sum(-1)
    cost = torch.where(around, gap / 2, torch.full_like(gap, 1e300))
    for step in range(merges):
        a, b = _nearest(cost, number)
        is_a, is_b = order == a, order == b
        either = is_a | is_b
        share = torch.where(either, weight, torch.zeros_like(weight))
        total = share.sum()
        mean = (share[:, None] * middle).sum(0) / total
        middle = torch.where(is_a[:, None], mean[None], middle)
        weight = torch.where(is_a, total, weight - torch.where(is_b, weight, 0.0 * weight))
        number = torch.where(is_a, cells + step, number)
        gone = member * is_b[:, None].double()
        member = member - gone + is_a[:, None].double() * gone.sum(0)[None]
        around = _joined(around, is_a, either)
        away = (middle - mean[None]).pow(2).sum(-1) * weight * total / (weight + total)
        line = torch.where(is_a[:, None], away[None], away[:, None])
        changed = torch.where(is_a[:, None] | is_a[None], line, cost)
        cost = torch.where(around, changed, torch.full_like(cost, 1e300))
    return member.T


def _nearest(cost: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """Return the positions of the two regions of lowest cost; in a tie, of the smallest numbers."""
    cells = cost.shape[0]
    low = torch.minimum(number[:, None], number[None])
    key = low * (2 * cells) + torch.maximum(number[:, None], number[None])
    tied = torch.where(cost == cost.min(), key, torch.full_like(key, 4 * cells * cells))
    at = tied.reshape(-1).argmin()
    return at // cells, at % cells


def _joined(around: Tensor, is_a: Tensor, either: Tensor) -> Tensor:
    """Return the neighbours, as a mask, after region b was merged into region a."""
    beside = (around & either[:, None]).any(0) & ~either
    kept = around & (~either)[:, None] & (~either)[None]
    return kept | (is_a[:, None] & beside[None]) | (beside[:, None] & is_a[None])
