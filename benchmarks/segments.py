"""Ways to divide an image, compared: outlines, what the segments hold, students, time.

    python benchmarks/segments.py [--quick] [--only kmeans graph ...] [--students 600]

On drawn scenes every pixel's thing is known: `recall` and `precision` of its boundaries (within 2
pixels), `achievable` accuracy, `leak` (undersegmentation error); and `consistency`, the share of
pixel embeddings (the head's, or the encoder's interpolated) nearest to the mean of their own thing.
On photos with boxes (PASCAL VOC below INFICOND_DATA; left out, and told, where it is missing): of
each class that is in a photo the segment with the largest cosine to the class's text. `pointing`:
its innermost pixel lies in a box of the class; `purity`: share of it inside the boxes; `cover`:
share of the boxes that it covers; means over the classes bus, car, cat, person, train, each over
its photos.
Students (`--students N`: N scenes and N photos of COCO to fit on, two thirds as many to look at):
`map` and `fidelity` on those that were not fitted on. `ms` is CPU time of one image's segments.
Encoding is done once and not timed. The heads are trained on images that nothing is measured on.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ("bus", "car", "cat", "person", "train")
SIDE = 256
METHODS = {
    "kmeans": {},
    "kmeans, edges": {"refine": "edges"},
    "graph": {"method": "graph"},
    "graph, edges": {"method": "graph", "refine": "edges"},
    "slic": {"method": "slic"},
    "felzenszwalb": {"method": "felzenszwalb"},
    "head, untrained": {"method": "head", "spatial": 0.1},
    "head": {"method": "head", "spatial": 0.1},
    "head, edges": {"method": "head", "spatial": 0.1, "refine": "edges"},
}


@dataclass
class Images:
    """Some images of a spec's data set, encoded."""

    spec: Any
    dataset: Any
    encoder: Any
    positions: list[int]
    cells: np.ndarray

    def views(self) -> Any:
        """Position, photo, cells and size of the mask, of one after the other."""
        for i, cells in zip(self.positions, self.cells, strict=True):
            image = self.dataset.load(i)
            scale = min(1, SIDE / max(image.size))
            shape = round(image.height * scale), round(image.width * scale)
            yield i, image, cells, shape

    def texts(self, words: list[str]) -> np.ndarray:
        """Vectors of words in the spec's sentences."""
        return self.encoder.embed_concepts(words, list(self.spec.concepts.prompts))

    def corpus(self) -> list[str]:
        """Words of the spec."""
        return Path(self.spec.concepts.corpus).read_text(encoding="utf-8").splitlines()


def opened(spec_file: str) -> tuple[Any, Any, Any]:
    """Spec, data set and encoder of a spec, named from the project's folder."""
    from inficond_panel.spec import load_spec
    from precompute.datasets import load_dataset
    from precompute.encoder import load_encoder

    spec = load_spec(ROOT / spec_file, check_files=False)
    return spec, load_dataset(spec.dataset), load_encoder(spec.concepts.encoder)


def encoded(parts: tuple[Any, Any, Any], positions: list[int]) -> Images:
    spec, dataset, encoder = parts
    cells = [
        encoder.dense(np.stack([encoder.prepare(dataset.load(i)) for i in positions[a : a + 16]]))
        for a in range(0, len(positions), 16)
    ]
    return Images(spec, dataset, encoder, positions, np.concatenate(cells))


def chosen(dataset: Any, split: str, count: int) -> list[int]:
    return [i for i, name in enumerate(dataset.split) if name == split][:count]


def trained_head(parts: tuple[Any, Any, Any], count: int, epochs: int, path: Path) -> float:
    """Train a head on the last images of fit; CPU seconds."""
    from precompute.segments.settings import HeadTraining
    from precompute.segments.training import train_head

    spec, dataset, encoder = parts
    positions = [i for i, name in enumerate(dataset.split) if name == "fit"][-count:]
    words = Path(spec.concepts.corpus).read_text(encoding="utf-8").splitlines()
    photos = [partial(dataset.load, i) for i in positions]
    started = time.process_time()
    train_head(
        photos,
        encoder,
        lambda: encoder.embed_concepts(words, list(spec.concepts.prompts)),
        HeadTraining(count, epochs),
        path,
        {},
    )
    return time.process_time() - started


def drawn(images: Images, how: Any) -> dict[str, float]:
    from segment_parts import measures as m

    from precompute.recipes.scenes import SceneSet
    from precompute.segments import segment

    section = images.spec.dataset
    counts = {split: getattr(section.images, split) for split in ("fit", "tune", "holdout")}
    scenes = SceneSet(section.seed, counts, tuple(section.size), section.shortcuts)
    rows, seconds = [], 0.0
    for i, image, cells, _ in images.views():
        truth = scenes.regions(i).labels
        started = time.process_time()
        mask = segment(cells, image, truth.shape, how).mask
        seconds += time.process_time() - started
        rows.append(
            (
                m.consistency(pixels_of(cells, image, how), truth),
                m.boundary_recall(mask, truth),
                m.boundary_recall(truth, mask),
                m.achievable_accuracy(mask, truth),
                m.undersegmentation_error(mask, truth),
            )
        )
    names = ("consistency", "recall", "precision", "achievable", "leak")
    means = dict(zip(names, np.mean(rows, 0).tolist(), strict=True))
    return means | {"ms": 1000 * seconds / len(rows)}


def pixels_of(cells: np.ndarray, image: Any, how: Any) -> np.ndarray:
    """The head's pixel embeddings; the encoder's, interpolated to as many, for other methods."""
    from precompute.segments.head import HeadLayout, load_head
    from precompute.segments.label_maps import interpolation, unit

    if how.method == "head":
        return load_head(how.head).embed(cells, image)
    grid = HeadLayout(cells.shape[-1]).grid(*cells.shape[:2])
    rows, columns = (interpolation(n, fine) for n, fine in zip(cells.shape, grid, strict=False))
    return np.einsum("Hh,Ww,hwe->HWe", rows, columns, unit(cells), optimize=True)


def pointed(images: Images, how: Any) -> dict[str, float]:
    from segment_parts.measures import innermost

    from precompute.segments import segment

    text = dict(zip(CLASSES, images.texts(list(CLASSES)), strict=True))
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in CLASSES}
    seconds, segments = 0.0, 0
    for i, image, cells, shape in images.views():
        started = time.process_time()
        parts = segment(cells, image, shape, how)
        seconds += time.process_time() - started
        segments += len(parts.box)
        for name, inside in boxes_of(images, i, shape).items():
            best = parts.mask == (parts.embedding @ text[name]).argmax() + 1
            if best.any():
                share = (best & inside).sum()
                hit = inside[innermost(best)]
                found[name].append((hit, share / best.sum(), share / inside.sum()))
    means = np.mean([np.mean(rows, 0) for rows in found.values() if rows], 0)
    named = dict(zip(("pointing", "purity", "cover"), means.tolist(), strict=True))
    count = len(images.positions)
    return named | {"segments": segments / count, "ms": 1000 * seconds / count}


def boxes_of(images: Images, i: int, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Pixels inside the boxes of each class of a photo."""
    file = Path(images.spec.dataset.root) / "Annotations" / f"{images.dataset.ids[i]}.xml"
    tree = ElementTree.parse(file)
    sides = [float(tree.findtext(f"size/{name}")) for name in ("width", "height")] * 2
    found: dict[str, np.ndarray] = {}
    for thing in tree.iterfind("object"):
        name = thing.findtext("name")
        if name in CLASSES:
            corners = [
                float(thing.findtext(f"bndbox/{c}")) for c in ("xmin", "ymin", "xmax", "ymax")
            ]
            x0, y0, x1, y1 = (
                round(at / side * pixels)
                for at, side, pixels in zip(corners, sides, (shape[1], shape[0]) * 2, strict=True)
            )
            found.setdefault(name, np.zeros(shape, dtype=bool))[y0:y1, x0:x1] = True
    return {name: inside for name, inside in found.items() if inside.any()}


def students(images: Images, how: Any, fitted: int) -> dict[str, float]:
    """Mean AP and fidelity of linear students of the first ``fitted`` images, on the others."""
    from inficond_panel import distill
    from precompute.segments import segment

    text = images.texts(images.corpus())
    score = np.stack(
        [
            np.maximum(0, (segment(cells, image, shape, how).embedding @ text.T).max(0))
            for _, image, cells, shape in images.views()
        ]
    )
    logit = logits_of(images)
    label = images.dataset.label[images.positions]
    wanted = distill.soft_targets(logit[:fitted])
    found = distill.fit(score[:fitted], wanted, l1=float(images.spec.students.lambda_))
    student = distill.decision_function(score[fitted:], found.weights, found.intercepts)
    rows = [
        distill.class_metrics(label[fitted:, k], student[:, k], logit[fitted:, k])
        for k in range(label.shape[1])
    ]
    return {
        "map": float(np.nanmean([row.ap for row in rows])),
        "fidelity": float(np.nanmean([row.fidelity for row in rows])),
        "teacher_map": float(np.nanmean([row.teacher_ap for row in rows])),
    }


def logits_of(images: Images) -> np.ndarray:
    with Path(images.spec.teacher.path).open(encoding="utf-8", newline="") as file:
        rows = {row["image_id"]: row for row in csv.DictReader(file)}
    ids = [images.dataset.ids[i] for i in images.positions]
    return np.array([[float(rows[i][name]) for name in images.dataset.classes] for i in ids])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--students", type=int, default=0, help="images to fit on; 0: none")
    parser.add_argument("--head-images", type=int, default=40)
    parser.add_argument("--head-epochs", type=int, default=8)
    parser.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--quick", action="store_true", help="a few images, to see that it runs")
    options = parser.parse_args()
    if options.quick:
        options.scenes, options.photos = 6, 12
        options.students = min(options.students, 24)
        options.head_images, options.head_epochs = 8, 2
    return options


def main() -> None:
    options = parse()
    sys.path[0] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        table = measured(options, Path(folder))
    print(json.dumps({"name": "segments", "sizes": vars(options), "methods": table}))


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    table: dict[str, Any] = {name: {} for name in options.only}
    parts = opened("specs/demo.yaml")
    images = encoded(parts, chosen(parts[1], "tune", options.scenes))
    head = head_for(parts, options, folder / "scenes.safetensors")
    for name in options.only:
        note(table, name, "scenes", drawn(images, settings(name, head)))
    with_students(table, "scenes", parts, head, options)
    if not (Path(os.environ.get("INFICOND_DATA", "")) / "voc2007-mini").is_dir():
        print("INFICOND_DATA names no folder with voc2007-mini: photos are left out")
        return table
    parts = opened("benchmarks/specs/voc2007.yaml")
    held = [i for i, name in enumerate(parts[1].split) if name != "fit"][: options.photos]
    images = encoded(parts, held)
    head = head_for(parts, options, folder / "photos.safetensors")
    for name in options.only:
        note(table, name, "photos", pointed(images, settings(name, head)))
    with_students(table, "photos", opened("benchmarks/specs/coco18.yaml"), head, options)
    return table


def head_for(parts: Any, options: argparse.Namespace, path: Path) -> Path:
    """A trained head at ``path``, and beside it the same before its training."""
    from precompute.segments.head import HeadLayout, save_head, untrained

    if any("head" in name for name in options.only):
        embed = parts[2].embed_text(["a"]).shape[1]
        save_head(untrained(HeadLayout(embed), 0), path.with_suffix(".untrained"))
        seconds = trained_head(parts, options.head_images, options.head_epochs, path)
        print(f"head on {options.head_images} images: {seconds:.0f} s of CPU", flush=True)
    return path


def settings(name: str, head: Path) -> Any:
    from precompute.segments import SegmentSettings

    how = replace(SegmentSettings(), **METHODS[name])
    file = head.with_suffix(".untrained") if "untrained" in name else head
    return replace(how, head=str(file)) if how.method == "head" else how


def with_students(
    table: dict[str, Any], where: str, parts: Any, head: Path, options: argparse.Namespace
) -> None:
    if options.students:
        fitted = chosen(parts[1], "fit", options.students)
        images = encoded(parts, fitted + chosen(parts[1], "tune", options.students * 2 // 3))
        for name in options.only:
            found = students(images, settings(name, head), len(fitted))
            note(table, name, f"students of {where}", found)


def note(table: dict[str, Any], name: str, what: str, values: dict[str, float]) -> None:
    table[name][what] = {key: round(value, 3) for key, value in values.items()}
    line = "  ".join(f"{key} {value:.3f}" for key, value in values.items())
    print(f"{what:20} {name:16} {line}", flush=True)


if __name__ == "__main__":
    main()
