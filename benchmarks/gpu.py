"""The gain of a GPU: precompute, distillation and prediction on it and on all cores, in one run.

    python benchmarks/gpu.py [--photos 512] [--cpu-photos 64] [--model ViT-B-16] [--quick]

Networks have random weights (speed does not depend on them); photos are drawn, 640 x 480; scores of
students are made (solver_parts/data.py). Told are wall seconds, since a GPU has no processor time
of its own: precompute and predict as the commands run, with loading; ``bare`` is the image tower
alone, on batches that are on the GPU already. Students are fitted once before, which is not told.
Differences of the students' objectives stand beside the times; their certificate is 1e-6 of the
objective without concepts. tests/unit/test_on_a_gpu.py compares what networks and students answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package, not this file

from benchmarks import precompute as drawn  # noqa: E402
from benchmarks.solver_parts.data import synthetic  # noqa: E402

#: Images, concepts and classes of students; the softmax student and the paper's have the first.
SIZES = ((5_000, 584, 20), (20_000, 1_000, 100), (100_000, 512, 20), (100_000, 2_000, 100))
CPU, GPU = "cpu", "cuda"
L1 = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=512, help="photos on the GPU")
    parser.add_argument("--cpu-photos", type=int, default=64, help="the first of these on the CPU")
    parser.add_argument("--model", default="ViT-B-16", help="a name that open_clip knows")
    parser.add_argument("--quick", action="store_true", help="the smaller sizes of students")
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    import torch

    print(torch.cuda.get_device_name(), f"and {torch.get_num_threads()} threads", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        ratios = photos(Path(folder), options)
    ratios |= students(SIZES[:3] if options.quick else SIZES)
    print(json.dumps({"name": "gpu", "ratios": ratios}))


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds of some work, and what it returns."""
    begin = time.monotonic()
    result = work()
    return time.monotonic() - begin, result


def photos(home: Path, options: argparse.Namespace) -> dict[str, float]:
    """Precompute and predict: photos a second of both devices, and their ratio."""
    import precompute
    from inficond_panel import open_students
    from inficond_panel.spec import load_spec

    pace: dict[str, dict[str, float]] = {"precompute": {}, "predict": {}}
    for device, count in ((CPU, options.cpu_photos), (GPU, options.photos)):
        folder = home / device
        folder.mkdir()
        path = write_photos(folder, count, device, options)
        spec: Any = load_spec(path)
        store = folder / "made.zarr"
        took, _ = seconds(lambda spec=spec, store=store: precompute.run(spec, store))
        pace["precompute"][device] = count / took
        store = home / CPU / "made.zarr"
        files = sorted((folder / "images").iterdir())
        pupils = open_students(path, store=store, history=":memory:")
        took, _ = seconds(lambda pupils=pupils, files=files: pupils.predict_images(files))
        pace["predict"][device] = count / took
    for name, of_device in pace.items():
        print(f"{name}: photos a second", {k: round(v, 1) for k, v in of_device.items()})
    print(f"bare image tower: {bare(options):.0f} photos a second on the GPU")
    return {f"{name}_gpu_over_cpu": round(p[GPU] / p[CPU], 2) for name, p in pace.items()}


def write_photos(folder: Path, count: int, device: str, options: argparse.Namespace) -> Path:
    """Photos, labels, an encoder, a ResNet-50 as teacher, and the spec of a run, returned."""
    import timm
    import torch

    torch.manual_seed(0)
    given = {"images": count, "image_size": 224, "heads": False, "encoder": None}
    drawn.write_inputs(folder, argparse.Namespace(**{**vars(options), **given}))
    network = timm.create_model("resnet50", num_classes=1)
    torch.save(network.state_dict(), folder / "teacher.pt")
    path = folder / "spec.yaml"
    teacher = "{kind: timm, model: resnet50, pretrained: teacher.pt, preprocessing: %s}"
    text = path.read_text().replace(
        "{kind: logits, path: logits.csv}", teacher % "{size: [224, 224], crop: 0}"
    )
    path.write_text(f"{text}device: {device}\n")
    return path


def bare(options: argparse.Namespace) -> float:
    """Photos a second of `encode_image` on the GPU."""
    import open_clip
    import torch

    model = open_clip.create_model(options.model).eval().to(GPU)
    pixels = torch.rand(options.batch, 3, 224, 224, device=GPU)

    def encode() -> None:
        with torch.inference_mode():
            for _ in range(20):
                model.encode_image(pixels)
        torch.cuda.synchronize()

    encode()
    return 20 * options.batch / seconds(encode)[0]


def students(sizes: tuple[tuple[int, int, int], ...]) -> dict[str, float]:
    """Seconds of the solvers on both devices, and their ratio."""
    from inficond_panel.distill import Scores, fit, fit_joint, fit_paper
    from inficond_panel.distill.solver.problem import joint_targets
    from inficond_panel.distill.sources import on_card

    ratios = {}
    for number, (images, concepts, classes) in enumerate(sizes):
        values, logits = synthetic(images, concepts, classes)
        targets, joint = 1 / (1 + np.exp(-logits)), joint_targets(logits, 1.0, softmax=True)

        def exact(device: str, values: Any = values, targets: Any = targets) -> Any:
            return fit(Scores(on_card(values, device)), targets, l1=L1)

        def softmax(device: str, values: Any = values, targets: Any = joint) -> Any:
            return fit_joint(Scores(on_card(values, device)), targets, l1=L1)

        def paper(device: str, values: Any = values, targets: Any = targets) -> Any:
            return fit_paper(values, targets, l1=L1, lr=1e-2, device=device)

        first = number == 0
        for work in (exact, softmax, paper) if first else (exact,):
            name = f"{work.__name__} {images} x {concepts} x {classes}"
            if first:
                work(GPU)
            took = {device: seconds(lambda d=device, w=work: w(d)) for device in (GPU, CPU)}
            told = {device: round(pair[0], 2) for device, pair in took.items()}
            ends = [np.sum(pair[1].objective) for pair in took.values()]
            print(f"{name}: seconds {told}, objectives differ by {ends[0] / ends[1] - 1:.1e}")
            sys.stdout.flush()
            ratios[name.replace(" ", "_")] = round(took[CPU][0] / took[GPU][0], 2)
    return ratios


if __name__ == "__main__":
    main()
