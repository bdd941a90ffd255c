"""Images per second of the whole pipeline over those of the bare encoder, in one run.

    python benchmarks/precompute.py [--model ViT-B-16] [--image-size 224] [--images 96]

The model has random weights (speed does not depend on them); the photos are drawn, 640 x 480.
The bare encoder is `model.encode_image` on batches that are ready in memory, timed before and
after the pipeline, so that a change of load during the run shows in its spread. The pipeline is
timed over encoding (decode, encode, segment, thumbnails, write batches), not over loading the
model, the words, or the final store. On a busy machine the share of CPU time that is the encoder's
says more than the wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Times = tuple[float, float]

SPEC = """\
title: Benchmark
dataset:
  kind: table
  root: .
  labels: labels.csv
  splits: {{fit: fit.txt, tune: {{from: test.txt, share: 0.5}}, holdout: rest}}
concepts:
  corpus: words.txt
  encoder: {{model: {model}, pretrained: weights.safetensors, image_size: {size}, batch: {batch}}}
teacher: {{kind: logits, path: logits.csv}}
"""


def main() -> None:
    options = parse()
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package, not this file
    from inficond_panel.spec import load_spec
    from precompute import run

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_inputs(home, options)
        spec = load_spec(home / "spec.yaml")
        before = bare_times(spec, options)
        ticks: list[Times] = []
        run(spec, home / "store.zarr", progress=lambda line: tick(ticks, line))
        after = bare_times(spec, options)
    wall, cpu = (last - first for first, last in zip(ticks[0], ticks[-1], strict=True))
    print(f"{options.images} images of {options.image_size} px, {os.cpu_count()} cores")
    print(f"bare encoder {before[0]:.1f} s and {after[0]:.1f} s, pipeline {wall:.1f} s")
    ratios = {
        "pipeline_over_encoder": round((before[0] + after[0]) / 2 / wall, 3),
        "encoder_share_of_cpu": round((before[1] + after[1]) / 2 / cpu, 3),
    }
    sizes = {
        "model": options.model,
        "image_size": options.image_size,
        "images": options.images,
        "batch": options.batch,
    }
    print(json.dumps({"name": "precompute", "ratios": ratios, "sizes": sizes}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ViT-B-16", help="a name that open_clip knows")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--batch", type=int, default=16)
    return parser.parse_args()


def write_inputs(home: Path, options: argparse.Namespace) -> None:
    import open_clip
    from safetensors.torch import save_file

    model = open_clip.create_model(options.model, pretrained_text=False)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, home / "weights.safetensors")
    (home / "images").mkdir()
    ids = [f"{i:04d}" for i in range(options.images)]
    rng = np.random.default_rng(0)
    for name in ids:
        rough = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(rough.resize((640, 480), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = np.clip(smooth + rng.integers(-12, 13, smooth.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(home / "images" / f"{name}.jpg", quality=90)
    rows = "\n".join(f"{name},{i % 2}" for i, name in enumerate(ids))
    for table in ("labels.csv", "logits.csv"):
        (home / table).write_text(f"image_id,thing\n{rows}\n")
    (home / "fit.txt").write_text("\n".join(ids[: len(ids) // 2]))
    (home / "test.txt").write_text("\n".join(ids[len(ids) // 2 :]))
    (home / "words.txt").write_text("\n".join(f"word {i}" for i in range(20)))
    settings = {"model": options.model, "size": options.image_size, "batch": options.batch}
    (home / "spec.yaml").write_text(SPEC.format(**settings))


def tick(ticks: list[Times], line: str) -> None:
    if line.startswith(("Encoding", "Scoring")):
        ticks.append((time.monotonic(), time.process_time()))


def bare_times(spec: Any, options: argparse.Namespace) -> Times:
    """Wall and CPU seconds of `encode_image` for the same number of images."""
    import open_clip
    import torch

    section, side = spec.concepts.encoder, options.image_size
    model = open_clip.create_model(
        section.model, str(section.pretrained), force_image_size=side
    ).eval()
    pixels = torch.rand(options.batch, 3, side, side)
    with torch.inference_mode():
        model.encode_image(pixels)
        wall, cpu = time.monotonic(), time.process_time()
        for start in range(0, options.images, options.batch):
            model.encode_image(pixels[: options.images - start])
    return time.monotonic() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
