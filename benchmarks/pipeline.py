"""Images per second of the whole pipeline over those of the bare encoder, in one run.

    python benchmarks/pipeline.py [--model ViT-B-16 | --encoder FOLDER] [--image-size 224]
                                    [--images 32] [--rounds 5]
    python benchmarks/pipeline.py --heads [--encoder FOLDER] ...

The model has random weights (speed does not depend on them); the photos are drawn, 640 x 480.
The bare encoder is `model.encode_image` on batches that are ready in memory; the pipeline decodes
the photos, encodes, segments, makes thumbnails and writes its batches, which are two thirds full on
average. Both take the same images, turn by turn for some rounds after one round that is not
counted, and the ratio is the median over the rounds: a change of load during the run meets both.
Not timed: loading the model, the words and the final store. `spread` is the smallest and the
largest ratio of a round. On a busy machine the encoder's share of the CPU time says more than the
wall clock.

With `--heads` the teacher is one of heads, whose vectors of whole photos come from the run that
makes the segments: the ratio is segments and vectors together over both apart, and the smaller the
better. `--encoder` names a folder of open_clip with weights in place of the random model.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
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
  encoder: {{{encoder}, image_size: {size}, batch: {batch}}}
teacher: {teacher}
"""


def main() -> None:
    options = parse()
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package, not this file

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_inputs(home, options)
        first, second = (
            (heads(home, True), heads(home, False))
            if options.heads
            else (bare_encoder(home, options), whole_pipeline(home))
        )
        rounds = [(timed(first), timed(second)) for _ in range(options.rounds + 1)][1:]
    wall = [one[0] / other[0] for one, other in rounds]
    cpu = [one[1] / other[1] for one, other in rounds]
    print(f"{options.images} images of {options.image_size} px a round, {os.cpu_count()} cores")
    names = ("together", "apart") if options.heads else ("bare encoder", "pipeline")
    for one, other in rounds:
        print(f"{names[0]} {one[0]:.2f} s, {names[1]} {other[0]:.2f} s")
    told = (
        ("heads_together_over_apart", "spread", "of_cpu")
        if options.heads
        else ("pipeline_over_encoder", "spread", "encoder_share_of_cpu")
    )
    spread = [round(min(wall), 3), round(max(wall), 3)]
    values = (round(median(wall), 3), spread, round(median(cpu), 3))
    ratios = dict(zip(told, values, strict=True))
    names = ("model", "image_size", "images", "batch", "rounds")
    sizes = {name: getattr(options, name) for name in names}
    sizes["model"] = options.encoder.name if options.encoder else options.model
    print(json.dumps({"name": "precompute", "ratios": ratios, "sizes": sizes}))


def timed(work: Callable[[], None]) -> Times:
    """Wall and CPU seconds."""
    wall, cpu = time.monotonic(), time.process_time()
    work()
    return time.monotonic() - wall, time.process_time() - cpu


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ViT-B-16", help="a name that open_clip knows")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--images", type=int, default=32, help="images a round")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--heads", action="store_true", help="segments and vectors of heads")
    parser.add_argument("--encoder", type=Path, help="folder with a model and its weights")
    return parser.parse_args()


def write_inputs(home: Path, options: argparse.Namespace) -> None:
    import open_clip
    from safetensors.torch import save_file

    encoder = f"model: {options.model}, pretrained: weights.safetensors"
    if options.encoder:
        encoder = f"model: {options.encoder.resolve()}"
    else:
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
    for table, values in (("labels.csv", (0, 1)), ("logits.csv", (-2, 2))):
        rows = "\n".join(f"{name},{values[i % 2]}" for i, name in enumerate(ids))
        (home / table).write_text(f"image_id,thing\n{rows}\n")
    (home / "fit.txt").write_text("\n".join(ids[: len(ids) // 2]))
    (home / "test.txt").write_text("\n".join(ids[len(ids) // 2 :]))
    (home / "words.txt").write_text("\n".join(f"word {i}" for i in range(20)))
    teacher = "{kind: head}" if options.heads else "{kind: logits, path: logits.csv}"
    settings = {"encoder": encoder, "teacher": teacher, "size": options.image_size}
    settings["batch"] = options.batch
    (home / "spec.yaml").write_text(SPEC.format(**settings))


def bare_encoder(home: Path, options: argparse.Namespace) -> Callable[[], None]:
    """`encode_image` for all images of a round, by the model of the spec."""
    import torch

    from inficond_panel.spec import load_spec
    from precompute.encoder.dense_blocks import fit_size
    from precompute.encoder.open_clip_model import build_model
    from precompute.encoder.source import find_source

    spec: Any = load_spec(home / "spec.yaml")
    side, model = options.image_size, build_model(find_source(spec.concepts.encoder))
    fit_size(model.visual, (side, side))
    pixels = torch.rand(options.batch, 3, side, side)

    def encode() -> None:
        with torch.inference_mode():
            for start in range(0, options.images, options.batch):
                model.encode_image(pixels[: options.images - start])

    return encode


def whole_pipeline(home: Path) -> Callable[[], None]:
    """Encoding as `inficond precompute` does it, with as many workers."""
    from inficond_panel.spec import load_spec
    from precompute.batches.results import Results
    from precompute.batches.run import Run, usual_workers
    from precompute.pipeline.encode import Encoding
    from precompute.pipeline.inputs import read_inputs

    spec: Any = load_spec(home / "spec.yaml")
    inputs = read_inputs(spec, print)

    def encode() -> None:
        folder = home / "batches"
        run = Run(inputs.dataset, inputs.keys, Results(folder), threads=usual_workers())
        Encoding(inputs, run).segmented()
        shutil.rmtree(folder)

    return encode


def heads(home: Path, together: bool) -> Callable[[], None]:
    """Segments, and the vectors of heads: of one run of the photos, or of a run each."""
    from inficond_panel.spec import load_spec
    from precompute.batches.results import Results
    from precompute.batches.run import Run, encoder_key, loaded, usual_workers
    from precompute.pipeline.encode import Encoding
    from precompute.pipeline.inputs import read_inputs
    from precompute.teachers.loading import TeacherSource
    from precompute.teachers.stage import Pass, run_pass

    spec: Any = load_spec(home / "spec.yaml")
    inputs = read_inputs(spec, print)
    embedding = TeacherSource(spec.teacher, (), inputs.encoder).load()  # loading is not timed
    network = partial(loaded, "benchmark", lambda: embedding, (encoder_key(inputs.encoder),))
    width = embedding.outputs

    def encode() -> None:
        folder = home / "batches"
        run = Run(inputs.dataset, inputs.keys, Results(folder), threads=usual_workers())
        Encoding(inputs, run, features=together).segmented()
        if not together:
            compute = lambda teacher, images, _: teacher.logits(images)  # noqa: E731
            work = Pass("features", "benchmark", network, compute, inputs.dataset, width)
            run_pass(run, work, inputs.encoder.batch)
        shutil.rmtree(folder)

    return encode


if __name__ == "__main__":
    main()
