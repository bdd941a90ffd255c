"""Segments: uniform, connected, at most so many, the same each time; their measures by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage, sparse
from segment_parts.measures import (
    achievable_accuracy,
    boundary_recall,
    consistency,
    innermost,
    undersegmentation_error,
)

from inficond_panel.store.images import UnreadableImage
from precompute.datasets import Dataset
from precompute.segments import SegmentSettings, read_mask, segment, with_masks
from precompute.segments.label_maps import components, connect, neighbours, shares, unit, upsample
from precompute.segments.methods import MethodInput, cluster_kmeans, divide, merge

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))
METHODS = [
    SegmentSettings(),
    SegmentSettings(method="graph"),
    SegmentSettings(method="felzenszwalb"),
    SegmentSettings(method="slic", superpixels=40),
]
METHODS += [replace(s, refine="edges") for s in METHODS[:2]]
each_method = pytest.mark.parametrize("how", METHODS, ids=lambda how: f"{how.method}-{how.refine}")


def cells_of(areas: np.ndarray, noise: float = 0.05) -> np.ndarray:
    """Cells that point in one direction per area."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    return (directions[areas] + noise * rng.normal(size=(*areas.shape, 16))).astype(np.float32)


@each_method
@settings(max_examples=15, deadline=None)
@given(SHAPES, st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(1, 12), st.data())
def test_segments_are_a_partition_into_connected_parts(how, grid, shape, most, data):
    seed = data.draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    how = replace(how, max_per_image=most, seed=seed)
    cells = rng.normal(size=(*grid, 5)).astype(np.float32)
    image = Image.fromarray(rng.integers(0, 256, (*shape, 3)).astype(np.uint8))
    labels = divide(MethodInput(cells, image, shape, ""), how)
    count = int(labels.max()) + 1
    assert labels.shape in (grid, shape)
    assert count <= most
    assert np.unique(labels).tolist() == list(range(count))
    assert all(ndimage.label(labels == j)[1] == 1 for j in range(count))
    found = segment(cells, image, shape, how)
    assert (found.mask.shape, found.mask.dtype) == (shape, np.uint8)
    assert found.mask.min() >= 1
    assert found.mask.max() <= count == len(found.box) == len(found.embedding)
    np.testing.assert_array_equal(found.mask, segment(cells, image, shape, how).mask)


def of_drawn_cells(shape, most, seed):
    """Drawn cells, their segments, and the number of each cell's segment."""
    cells = np.random.default_rng(seed).normal(size=(*shape, 5)).astype(np.float32)
    how = SegmentSettings(max_per_image=most, seed=seed)
    found = segment(cells, Image.new("RGB", (20, 30)), (30, 20), how)
    return cells, found, cluster_kmeans(cells, most, seed)


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(1, 12), st.integers(0, 99))
def test_there_are_at_most_as_many_segments_as_asked_for_or_cells(shape, most, seed):
    _, found, _ = of_drawn_cells(shape, most, seed)
    assert len(found.box) <= min(most, shape[0] * shape[1])


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(1, 12), st.integers(0, 99))
def test_the_vector_of_a_segment_is_the_normalised_mean_of_its_cells(shape, most, seed):
    cells, found, labels = of_drawn_cells(shape, most, seed)
    np.testing.assert_allclose(np.linalg.norm(found.embedding, axis=1), 1, atol=1e-5)
    for j in range(len(found.box)):
        y, x = np.nonzero(labels == j)
        mean = sum(cells[v, u] for v, u in zip(y, x, strict=True)) / len(y)
        np.testing.assert_allclose(found.embedding[j], mean / np.linalg.norm(mean), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(1, 12), st.integers(0, 99))
def test_the_box_of_a_segment_holds_its_cells(shape, most, seed):
    _, found, labels = of_drawn_cells(shape, most, seed)
    for j in range(len(found.box)):
        y, x = np.nonzero(labels == j)
        box = [x.min() / shape[1], y.min() / shape[0]]
        box += [(x.max() + 1) / shape[1], (y.max() + 1) / shape[0]]
        np.testing.assert_allclose(found.box[j], box, atol=1e-6)


def test_clustering_lowers_the_cost_below_that_of_the_seeds_alone(monkeypatch):
    cells = np.random.default_rng(1).normal(size=(9, 9, 4)).astype(np.float32)
    direction = unit(cells).reshape(-1, 4)
    place = np.stack(np.mgrid[:9, :9], -1).reshape(-1, 2) / 9

    def spread(labels):
        total = 0.0
        for j in np.unique(labels):
            inside = labels.ravel() == j
            total += (1 - direction[inside] @ unit(direction[inside].mean(0))).sum()
            total += np.square(place[inside] - place[inside].mean(0)).sum()
        return total

    whole = spread(cluster_kmeans(cells, 8, 0))
    monkeypatch.setattr("precompute.segments.methods.KMEANS_ITERATIONS", 0)
    assert whole < 0.95 * spread(cluster_kmeans(cells, 8, 0))


def test_more_weight_of_place_makes_segments_compact():
    cells = np.random.default_rng(2).normal(size=(10, 10, 4)).astype(np.float32)
    place = np.stack(np.mgrid[:10, :10], -1)
    for method in ("kmeans", "graph"):
        spread = []
        for spatial in (0.0, 50.0):
            how = SegmentSettings(method=method, max_per_image=4, spatial=spatial)
            labels = divide(MethodInput(cells, Image.new("RGB", (9, 9)), (9, 9), ""), how)
            parts = [place[labels == j] for j in range(labels.max() + 1)]
            spread.append(sum(np.square(part - part.mean(0)).sum() for part in parts))
        assert spread[1] < 0.8 * spread[0], method


@each_method
def test_equal_cells_are_one_segment(how):
    one, image = replace(how, max_per_image=1), Image.new("RGB", (16, 12), (9, 9, 9))
    assert len(segment(np.ones((4, 4, 3), np.float32), image, (12, 16), one).box) == 1


@each_method
def test_the_vector_of_cells_of_0_is_finite(how):
    image = Image.new("RGB", (16, 12), (9, 9, 9))
    zeros = segment(np.zeros((4, 4, 3), np.float32), image, (12, 16), how)
    assert np.isfinite(zeros.embedding).all()


@settings(max_examples=30, deadline=None)
@given(st.tuples(st.integers(1, 7), st.integers(2, 7)), st.integers(1, 6), st.integers(0, 99))
def test_merging_is_wards_of_scikit_learn(shape, count, seed):
    cluster_module = pytest.importorskip("sklearn.cluster")
    size = shape[0] * shape[1]
    count = min(count, size)
    point = np.random.default_rng(seed).normal(size=(size, 3))
    pairs = neighbours(np.arange(size).reshape(shape))
    graph = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(size, size))
    theirs = cluster_module.AgglomerativeClustering(count, connectivity=graph + graph.T)
    expected = theirs.fit(point).labels_
    found = merge(point, np.ones(size), pairs, count)
    assert len(np.unique(found)) == count
    assert len(np.unique(np.stack([found, expected]), axis=1).T) == count


def connected_by_hand(labels):
    """Slow reference: places one after the other."""
    height, width = labels.shape
    keep = np.full_like(labels, -1)
    for value in np.unique(labels):
        parts, _ = ndimage.label(labels == value)
        keep[parts == np.bincount(parts.ravel())[1:].argmax() + 1] = value
    while (keep < 0).any():
        before = keep.copy()
        for y, x in zip(*np.nonzero(before < 0), strict=True):
            cross = before[max(y - 1, 0) : y + 2, x], before[y, max(x - 1, 0) : x + 2]
            around = [value for value in np.hstack(cross) if value >= 0]
            if around:
                keep[y, x] = max(sorted(set(around)), key=around.count)
    return np.unique(keep, return_inverse=True)[1].reshape(height, width)


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(1, 6), st.integers(0, 999))
def test_connecting_is_that_of_the_reference(shape, values, seed):
    labels = np.random.default_rng(seed).integers(0, values, shape)
    np.testing.assert_array_equal(connect(labels), connected_by_hand(labels))
    parts = components(labels)
    assert parts.max() + 1 == sum(ndimage.label(labels == v)[1] for v in np.unique(labels))


@settings(max_examples=30, deadline=None)
@given(st.tuples(st.integers(1, 5), st.integers(1, 5)), st.integers(1, 4), st.integers(0, 99))
def test_shares_are_the_mean_of_interpolated_cells(grid, scale, seed):
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(*grid, 2))
    shape = grid[0] * scale, grid[1] * scale
    labels = rng.permutation(np.arange(shape[0] * shape[1]) % 3).reshape(shape)
    labels = np.unique(labels, return_inverse=True)[1].reshape(shape)
    zoomed = ndimage.zoom(cells, (scale, scale, 1), order=1, mode="nearest", grid_mode=True)
    weight = shares(labels, grid)
    np.testing.assert_allclose(weight.sum(1), np.bincount(labels.ravel()), rtol=1e-5)
    for j in range(labels.max() + 1):
        mean = (weight[j] @ cells.reshape(-1, 2)) / weight[j].sum()
        np.testing.assert_allclose(mean, zoomed[labels == j].mean(0), atol=1e-5)


def test_upsampled_map_shows_each_cell_around_its_centre():
    labels = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(upsample(labels, (24, 36)), np.kron(labels, np.ones((12, 12))))
    for shape in ((7, 50), (3, 2)):
        assert upsample(labels, shape).shape == shape


def test_refined_outlines_lie_on_the_edge_of_colour():
    cells = cells_of(np.array([[0, 0, 1, 1]] * 4), noise=0)
    pixels = np.zeros((120, 120, 3), np.uint8)
    pixels[:, 46:] = 230  # the cells' border is at 60
    image = Image.fromarray(pixels)
    plain, fine = (
        segment(cells, image, (120, 120), SegmentSettings(max_per_image=2, refine=refine)).mask
        for refine in ("none", "edges")
    )
    assert (plain[:, 1:] != plain[:, :-1]).argmax(1).tolist() == [59] * 120
    found = (fine[:, 1:] != fine[:, :-1]).argmax(1)
    assert np.abs(found - 45).max() <= 4  # where the smoothed edge ends


class TestFiles:
    @pytest.fixture
    def how(self, tmp_path):
        return SegmentSettings(method="file", masks=str(tmp_path))

    def write(self, how, values, mode="L", name="a"):
        mask = Image.fromarray(np.asarray(values, np.uint16 if mode == "I;16" else np.uint8))
        if mode == "P":
            mask.putpalette(list(range(256)) * 3)
        mask.save(f"{how.masks}/{name}.png")

    @pytest.mark.parametrize("mode", ["L", "P", "I;16"])
    def test_each_connected_part_of_a_label_is_a_segment(self, how, mode):
        labels = np.kron([[7, 0, 7], [7, 0, 255]], np.ones((10, 10), int))
        self.write(how, labels, mode)
        cells = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)
        found = segment(cells, Image.new("RGB", (30, 20)), (20, 30), how, "a")
        assert len(found.box) == 4
        left = found.mask[0, 0] - 1
        assert (found.mask == left + 1).sum() == 200
        np.testing.assert_allclose(found.box[left], [0, 0, 1 / 3, 1], atol=1e-6)

    def test_too_many_are_merged_by_embedding(self, how):
        self.write(how, np.kron(np.arange(4)[None], np.ones((8, 8), int)))
        cells = cells_of(np.array([[0, 0, 1, 1]]))
        how = replace(how, max_per_image=2)
        found = segment(cells, Image.new("RGB", (32, 8)), (8, 32), how, "a")
        np.testing.assert_array_equal(found.mask[0], np.repeat([1, 2], 16))

    def test_what_is_wrong_with_a_mask_is_told(self, how, tmp_path, monkeypatch):
        with pytest.raises(UnreadableImage, match=r"no mask b\.png in "):
            read_mask(tmp_path, "b", (4, 4))
        self.write(how, np.zeros((4, 6)))
        with monkeypatch.context() as patch:
            patch.setattr("PIL.ImageFile.ImageFile.load", None)  # it is not decoded
            with pytest.raises(UnreadableImage, match=r"mask a\.png is 6 x 4, the image 4 x 4"):
                read_mask(tmp_path, "a", (4, 4))
        Image.new("RGB", (4, 4)).save(tmp_path / "c.png")
        with pytest.raises(UnreadableImage, match="is RGB; labels are grey or palette values"):
            read_mask(tmp_path, "c", (4, 4))
        (tmp_path / "d.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
        for form in ("EPS", "JPEG"):  # EPS would start a program
            Image.new("RGB", (6, 4)).save(tmp_path / f"{form}.png", form)
        for name in ("d", "EPS", "JPEG"):
            with pytest.raises(UnreadableImage, match=rf"the mask {name}\.png cannot be read"):
                read_mask(tmp_path, name, (6, 4))

    def test_a_data_set_knows_its_masks(self, how):
        image, label = Image.new("RGB", (6, 4)), np.zeros((2, 1), np.int8)
        digests = ("d", "xd").__getitem__
        plain = Dataset(("a", "b"), ("fit", "fit"), ("x",), label, lambda i: image, digests)
        assert with_masks(plain, SegmentSettings()) is plain
        self.write(how, np.zeros((4, 6)))
        masked = with_masks(plain, how)
        assert masked.load(0) is image
        with pytest.raises(UnreadableImage, match="no mask"):
            masked.load(1)
        before = masked.digest(0)
        self.write(how, np.ones((4, 6)))
        assert masked.digest(0) != before


TRUTH = np.array([[0, 0, 0, 1, 1, 1]] * 4)


@pytest.mark.parametrize(
    ("labels", "recall", "accuracy", "error"),
    [
        pytest.param(TRUTH, (1, 1), 1, 0, id="the truth"),
        # 12 pixels for each of two regions
        pytest.param(np.zeros_like(TRUTH), (0, 0), 0.5, 1, id="one for all"),
        # 4 pixels over region 1's rim: min(12, 4) for region 0, min(4, 12) for region 1
        pytest.param([[5, 5, 5, 5, 9, 9]] * 4, (0, 1), 20 / 24, 8 / 24, id="a pixel off"),
        pytest.param(np.arange(24).reshape(4, 6), (1, 1), 1, 0, id="cut up"),
    ],
)
def test_measures_by_hand(labels, recall, accuracy, error):
    labels = np.array(labels)
    assert tuple(boundary_recall(labels, TRUTH, off) for off in (0, 1)) == recall
    assert achievable_accuracy(labels, TRUTH) == pytest.approx(accuracy)
    assert undersegmentation_error(labels, TRUTH) == pytest.approx(error)
    assert boundary_recall(TRUTH, np.zeros_like(TRUTH)) == 1  # without a boundary


def test_innermost_is_far_from_the_rim_also_of_the_image():
    mask = np.zeros((7, 9), dtype=bool)
    mask[:5, :5] = True
    mask[2, 5:] = True
    assert innermost(mask) == (2, 2)


def test_consistency_is_the_share_of_places_that_embed_like_their_own_region():
    embedded = np.zeros((2, 4, 2))
    embedded[:, :2, 0] = embedded[:, 2:, 1] = 3  # the regions' halves; no unit vectors
    truth = np.repeat([[0, 0, 0, 0, 5, 5, 5, 5]], 6, 0)
    assert consistency(embedded, truth) == 1
    embedded[0, 0] = [0, 1]  # one of eight looks like the other region
    assert consistency(embedded, truth) == 7 / 8
    assert consistency(embedded, np.zeros_like(truth)) == 1
