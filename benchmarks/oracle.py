"""What the oracle's step does to the task loss, and to students that learn from its logits.

    python benchmarks/oracle.py [--photos 2000] [--epochs 15] [--gammas 0.5 1 4]

A small network (timm's test_resnet, 0.4 million weights) is trained from nothing on photos
with labels, then asked for its logits on other photos x and on x* = x - gamma |x| dL/dx. Said for
each gamma: the mean task loss of both, the share of photos whose loss falls, and the mean AP and
accuracy on the labels that the oracle has seen (which is why it is no teacher to be measured). The
photos are those of INFICOND_DATA/coco18-mini, else scenes that are drawn; the split is theirs. The
last line is JSON. Times are those of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIDE, BATCH = 96, 32
MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


def main() -> None:
    options = parse()
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package, not this file
    import torch

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    name, classes, train, test = photos(options.photos)
    print(f"{name}: {len(train[0])} photos to train on, {len(test[0])} others, {classes} classes")
    network = trained(train, classes, options)
    rows = [measured(network, test, gamma) for gamma in options.gammas]
    for row in rows:
        print("  ".join(f"{key} {value:.4g}" for key, value in row.items()))
    sizes = {"photos": options.photos, "epochs": options.epochs, "side": SIDE, "data": name}
    print(json.dumps({"name": "oracle", "oracle": rows, "sizes": sizes}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=2000, help="photos to train on")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--gammas", type=float, nargs="+", default=[0.01, 0.1, 0.5, 1, 4, 16, 64])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


Labelled = tuple[np.ndarray, np.ndarray]


def photos(count: int) -> tuple[str, int, Labelled, Labelled]:
    """Name of the set, its number of classes, and (pixels, labels) to train on and to test on."""
    from precompute.teachers.preprocessing import Preprocessing

    dataset, name = coco() if os.environ.get("INFICOND_DATA") else scenes(count)
    prepare = Preprocessing((SIDE, SIDE), MEAN, STD, "bilinear").prepare
    split = np.array(dataset.split)
    parts = []
    for rows in (np.flatnonzero(split == "fit")[:count], np.flatnonzero(split != "fit")[:300]):
        pixels = np.stack([prepare(dataset.load(int(i))) for i in rows])
        parts.append((pixels, dataset.label[rows]))
    return name, len(dataset.classes), parts[0], parts[1]


def coco() -> tuple[Any, str]:
    from inficond_panel.spec import find_spec, load_spec
    from precompute.datasets import load_dataset

    return load_dataset(load_spec(find_spec("coco18"), check_files=False).dataset), "coco18-mini"


def scenes(count: int) -> tuple[Any, str]:
    from inficond_panel.spec import ScenesDataset
    from inficond_panel.spec.dataset import Counts
    from precompute.datasets import load_dataset

    counts = Counts(fit=count, tune=300, holdout=1)
    return load_dataset(ScenesDataset(seed=7, images=counts, shortcuts=False)), "drawn scenes"


def trained(train: Labelled, classes: int, options: argparse.Namespace) -> Any:
    import timm
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    pixels, label = torch.from_numpy(train[0]), torch.from_numpy(train[1].astype(np.float32))
    network = timm.create_model("test_resnet", num_classes=classes)
    steps = options.epochs * -(-len(pixels) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    started = time.process_time()
    for epoch in range(options.epochs):
        losses = []
        for chosen in torch.randperm(len(pixels)).split(BATCH):
            batch = pixels[chosen].flip(3) if torch.rand(()) < 0.5 else pixels[chosen]
            each = binary_cross_entropy_with_logits(network(batch), label[chosen], reduction="none")
            loss = (each * (label[chosen] >= 0)).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        seconds = time.process_time() - started
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, {seconds:.0f} s of CPU")
    return network.eval().requires_grad_(False)


def measured(network: Callable[[Any], Any], test: Labelled, gamma: float) -> dict[str, float]:
    import torch

    from precompute.teachers.oracle import reinforce, task_loss

    pixels, label = torch.from_numpy(test[0]), torch.from_numpy(test[1].astype(np.int64))
    plain, stronger, change = [], [], []
    for rows in torch.arange(len(pixels)).split(BATCH):
        x = pixels[rows]
        better = reinforce(network, x, label[rows], gamma)
        change.append((better - x).abs().mean((1, 2, 3)))
        with torch.inference_mode():
            plain.append(network(x))
            stronger.append(network(better))
    before, after = torch.cat(plain), torch.cat(stronger)
    old, new = task_loss(before, label), task_loss(after, label)
    return {
        "gamma": gamma,
        "loss": float(old.mean()),
        "oracle_loss": float(new.mean()),
        "share_that_falls": float((new < old).float().mean()),
        "mean_change_in_std": float(torch.cat(change).mean()),
        "map": mean_ap(label, before),
        "oracle_map": mean_ap(label, after),
        "accuracy": accuracy(label, before),
        "oracle_accuracy": accuracy(label, after),
    }


def mean_ap(label: Any, logits: Any) -> float:
    from inficond_panel.distill import average_precision

    columns = zip(label.T.numpy(), logits.T.numpy(), strict=True)
    return float(np.nanmean([average_precision(y, z) for y, z in columns]))


def accuracy(label: Any, logits: Any) -> float:
    known = label >= 0
    return float(((logits > 0) == (label == 1))[known].float().mean())


if __name__ == "__main__":
    main()
