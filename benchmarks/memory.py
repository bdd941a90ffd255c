"""Memory of precompute by the number of images: what grows with the set, and what does not.

    python benchmarks/memory.py [--images 500 4000 12000] [--concepts 584]

Each size runs in a process of its own, from the spec to the store, with an encoder that costs
nothing (random vectors of 512 dimensions, 16 segments an image at most, thumbnails of 256 px);
torch is not loaded. The memory is anonymous (RssAnon), read every 20 ms: pages of mapped files are
not in it, since the system takes these back when it needs them. `peak` is the largest; `growth` is
bytes for each further image, between one size and the next. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

SPEC = """\
title: Memory
dataset:
  kind: table
  root: .
  labels: labels.csv
  splits: {fit: fit.txt, tune: {from: test.txt, share: 0.5}, holdout: rest}
concepts:
  corpus: words.txt
  encoder: {model: encoder, pretrained: encoder/weights.safetensors, batch: 32}
  projections: {methods: [pca]}
teacher: {kind: logits, path: logits.csv}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[500, 4000, 12000])
    parser.add_argument("--concepts", type=int, default=584)
    parser.add_argument("--classes", type=int, default=20)
    options = parser.parse_args()
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package, not this file
    found = [measured(images, options) for images in options.images]
    for images, by_stage in zip(options.images, found, strict=True):
        told = ", ".join(f"{stage} {peak / 1e6:.0f}" for stage, peak in by_stage.items())
        print(f"{images:>7} images: {max(by_stage.values()) / 1e6:.0f} MB ({told})")
    peaks = [max(by_stage.values()) for by_stage in found]
    pairs = list(pairwise(zip(options.images, peaks, strict=True)))
    growth = [round((b - a) / (more - fewer)) for (fewer, a), (more, b) in pairs]
    result = {"peak_megabytes": [round(p / 1e6) for p in peaks], "growth_bytes_per_image": growth}
    sizes = {"images": options.images, "concepts": options.concepts, "classes": options.classes}
    print(json.dumps({"name": "memory", **result, "sizes": sizes}))


def measured(images: int, options: argparse.Namespace) -> dict[str, int]:
    """Largest anonymous memory of each stage of a run, less that of the process before it."""
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder), images, options)
        child = multiprocessing.get_context("spawn").Process(target=work, args=(Path(folder),))
        child.start()
        child.join()
        if child.exitcode:
            raise SystemExit(f"The run ended with {child.exitcode}.")
        return json.loads((Path(folder) / "peaks.json").read_text())


def write_inputs(home: Path, count: int, options: argparse.Namespace) -> None:
    """Few different pictures under many names would be encoded once: each gets bytes of its own."""
    (home / "images").mkdir()
    (home / "encoder").mkdir()
    (home / "encoder" / "open_clip_config.json").write_text("{}")
    (home / "encoder" / "weights.safetensors").write_bytes(b"none")
    rng = np.random.default_rng(0)
    rough = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    rough.resize((320, 240), Image.Resampling.BICUBIC).save(home / "one.jpg", quality=90)
    photo = (home / "one.jpg").read_bytes()
    ids = [f"{i:06d}" for i in range(count)]
    for name in ids:
        (home / "images" / f"{name}.jpg").write_bytes(photo + name.encode())
    header = ",".join(["image_id", *(f"class {k}" for k in range(options.classes))])
    label = rng.integers(0, 2, (count, options.classes))
    rows = [f"{name},{','.join(map(str, row))}" for name, row in zip(ids, label, strict=True)]
    (home / "labels.csv").write_text("\n".join([header, *rows]))
    (home / "logits.csv").write_text("\n".join([header, *rows]))
    (home / "fit.txt").write_text("\n".join(ids[: count // 2]))
    (home / "test.txt").write_text("\n".join(ids[count // 2 :]))
    (home / "words.txt").write_text("\n".join(f"word {i}" for i in range(options.concepts)))
    (home / "spec.yaml").write_text(SPEC)


class RandomEncoder:
    """Random vectors in blocks, as quick as can be."""

    name, preprocessing = "random", {"size": [64, 64]}

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Pixels."""
        return np.asarray(image.resize((64, 64)), dtype=np.float32).transpose(2, 0, 1)

    def dense(self, images: np.ndarray) -> np.ndarray:
        """Random places."""
        rng = np.random.default_rng(len(images))
        blocks = rng.normal(size=(len(images), 4, 4, 512)).astype(np.float32)
        return blocks.repeat(2, 1).repeat(2, 2)

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Random texts."""
        vectors = np.random.default_rng(0).normal(size=(len(texts), 512))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def work(home: Path) -> None:
    """A whole run in this process, watched."""
    import precompute
    import precompute.batches.run
    import precompute.pipeline.stages
    from inficond_panel.spec import load_spec

    encoder = RandomEncoder()
    for module in (precompute.batches.run, precompute.pipeline.stages):
        module.load_encoder = lambda *_: encoder  # type: ignore[attr-defined]
    spec = load_spec(home / "spec.yaml")
    done, before = threading.Event(), anonymous()
    stage, peaks = ["reading"], {"reading": 0}

    def watch() -> None:
        while not done.wait(0.02):
            peaks[stage[0]] = max(peaks.get(stage[0], 0), anonymous() - before)

    def told(line: str) -> None:
        first = line.split()
        named = {"Stage": first[-1], "Encoding": "segments", "Writing": "writing"}
        stage[0] = named.get(first[0], stage[0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    precompute.run(spec, home / "a.zarr", progress=told)
    done.set()
    watcher.join()
    (home / "peaks.json").write_text(json.dumps(peaks))


def anonymous() -> int:
    """RssAnon of this process, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()
