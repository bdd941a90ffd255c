"""Regions merged along the graph of their neighbours, the pair that costs least first."""

from __future__ import annotations

import heapq

import numpy as np

from precompute.segments.regions import neighbours, places, unit


def cluster_graph(cells: np.ndarray, max_segments: int, spatial: float = 1.0) -> np.ndarray:
    """Cut cells ``(h, w, embed)`` into ``max_segments`` connected segments ``(h, w)``.

    Starts from the cells and merges neighbours by Ward's rule, on the direction of the cells and
    their place: the cost that ``kmeans`` lowers, with connected segments all along and no seed.
    """
    height, width, _ = cells.shape
    grid = np.arange(height * width).reshape(height, width)
    feature = features(cells.reshape(height * width, -1), places(height, width), spatial)
    weight = np.ones(height * width)
    return merge(feature, weight, neighbours(grid), max_segments)[grid]


def features(embedding: np.ndarray, place: np.ndarray, spatial: float) -> np.ndarray:
    """Points whose squared distance is 1 - cosine + ``spatial``·(distance in the image)²."""
    direction = unit(embedding.astype(np.float32)) * np.float32(np.sqrt(0.5))
    return np.concatenate([direction, np.float32(np.sqrt(spatial)) * place], 1)


def merge(feature: np.ndarray, weight: np.ndarray, pairs: np.ndarray, count: int) -> np.ndarray:
    """Merge regions ``(n, d)`` of a connected graph until ``count`` are left: a label for each.

    Ward's rule: the two neighbours go together whose union adds least to Σ weight·distance². Where
    several add as little, those that come first. Labels are numbered by their first region.
    """
    graph = _Graph(feature, weight, pairs)
    while len(graph.around) > count:
        graph.merge_nearest()
    for node in range(len(graph.parent) - 1, -1, -1):  # a parent comes after its children
        graph.parent[node] = graph.parent[graph.parent[node]]
    _, first, label = np.unique(
        graph.parent[: len(feature)], return_index=True, return_inverse=True
    )
    return first.argsort().argsort()[label]


class _Graph:
    """Regions with their neighbours; a union is a new region behind all others."""

    def __init__(self, feature: np.ndarray, weight: np.ndarray, pairs: np.ndarray) -> None:
        count = len(feature)
        self.middle = np.concatenate([feature, np.zeros_like(feature)]).astype(np.float64)
        self.weight = np.concatenate([weight, np.zeros_like(weight)]).astype(np.float64)
        self.parent = np.arange(2 * count)
        self.around: dict[int, set[int]] = {node: set() for node in range(count)}
        for a, b in pairs.tolist():
            self.around[a].add(b)
            self.around[b].add(a)
        cost = self._cost(pairs[:, 0], pairs[:, 1]).tolist()
        self._heap = [(c, a, b) for c, (a, b) in zip(cost, pairs.tolist(), strict=True)]
        heapq.heapify(self._heap)
        self._next = count

    def merge_nearest(self) -> None:
        """Put the pair together that costs least."""
        a, b = self._pop()
        new, around = self._next, self.around
        self._next += 1
        self.parent[[a, b]] = new
        self.weight[new] = self.weight[a] + self.weight[b]
        self.middle[new] = (
            self.weight[a] * self.middle[a] + self.weight[b] * self.middle[b]
        ) / self.weight[new]
        others = sorted((around.pop(a) | around.pop(b)) - {a, b})
        for other in others:
            around[other] = (around[other] - {a, b}) | {new}
        around[new] = set(others)
        for c, other in zip(self._cost(np.array(others, int), new).tolist(), others, strict=True):
            heapq.heappush(self._heap, (c, other, new))

    def _cost(self, a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
        gap = np.square(self.middle[a] - self.middle[b]).sum(-1)
        return gap * self.weight[a] * self.weight[b] / (self.weight[a] + self.weight[b])

    def _pop(self) -> tuple[int, int]:
        """Cheapest pair of regions that are still there."""
        while True:
            _, a, b = heapq.heappop(self._heap)
            if a in self.around and b in self.around:
                return a, b
