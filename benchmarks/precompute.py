"""Images per second of the whole pipeline over those of the bare encoder, in one run.

    python benchmarks/precompute.py [--model ViT-B-16] [--image-size 224] [--images 96]

The model has random weights (speed does not depend on them); the photos are drawn, 640 x 480.
The bare encoder is `model.encode_image` on batches that are ready in memory, timed before and
after the pipeline, so that a change of load during the run shows in its spread. The pipeline is
timed over encoding (decode, encode, segment, thumbnails, write batches), not over loading the
model, the words, or the final store.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import precompute
from inficond_panel.spec import load_spec

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
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_inputs(home, options)
        spec = load_spec(home / "spec.yaml")
        before = bare_speed(spec, options)
        report = precompute.run(spec, home / "store.zarr")
        after = bare_speed(spec, options)
    bare = 2 / (1 / before + 1 / after)
    pipeline = report.images_per_second
    print(f"{options.images} images of {options.image_size} px, {os.cpu_count()} cores")
    print(f"bare encoder {before:.2f} and {after:.2f} images/s, pipeline {pipeline:.2f}")
    ratios = {"pipeline_over_encoder": round(pipeline / bare, 3)}
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


def bare_speed(spec: object, options: argparse.Namespace) -> float:
    import open_clip
    import torch

    section = spec.concepts.encoder
    model = open_clip.create_model(
        section.model, str(section.pretrained), force_image_size=options.image_size
    ).eval()
    side = options.image_size
    pixels = torch.rand(options.batch, 3, side, side)
    with torch.inference_mode():
        model.encode_image(pixels)
        started = time.monotonic()
        for _ in range(options.images // options.batch):
            model.encode_image(pixels)
    return options.images // options.batch * options.batch / (time.monotonic() - started)


if __name__ == "__main__":
    main()
