"""Train the demo's encoder and teacher, write specs/demo/: python -m precompute.recipes.demo."""

import argparse
import time
from pathlib import Path

import torch

from inficond_panel.spec import load_spec
from precompute.recipes.demo.clip_encoder import save_encoder, train_encoder
from precompute.recipes.demo.conv_teacher import save_teacher, train_teacher
from precompute.recipes.demo.scene_views import training_scenes
from precompute.recipes.scenes import concept_names

TRAINING_SEED, TRAINING_SCENES = 1001, 10000
ENCODER_EPOCHS, TEACHER_EPOCHS = 16, 20


def main() -> None:
    """Train the encoder and the teacher of the demo's spec, and write both beside its corpus."""
    parser = argparse.ArgumentParser(prog="python -m precompute.recipes.demo", description=__doc__)
    parser.add_argument("--spec", type=Path, default=Path("specs/demo.yaml"))
    parser.add_argument("--seed", type=int, default=0, help="seed of both trainings")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    options = parser.parse_args()
    spec = load_spec(options.spec, check_files=False)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)

    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", flush=True)  # noqa: T201

    folder = Path(spec.concepts.corpus).parent
    folder.mkdir(parents=True, exist_ok=True)
    Path(spec.concepts.corpus).write_text("".join(f"{name}\n" for name in concept_names()))
    size = tuple(spec.dataset.size)
    data = training_scenes(TRAINING_SEED, TRAINING_SCENES, size, options.threads)
    say(f"{len(data.scenes)} training scenes drawn")
    encoder = train_encoder(data, ENCODER_EPOCHS, options.seed, say)
    save_encoder(encoder, Path(spec.concepts.encoder.pretrained))
    torch.set_num_threads(1)  # small convolutions: no slower, and the same sums on every run
    teacher = train_teacher(data, TEACHER_EPOCHS, options.seed, say)
    save_teacher(teacher, Path(spec.teacher.path), size)
    say(f"written: {folder}")


if __name__ == "__main__":
    main()
