"""A tiny pocket that was not learned: a convolution, scores, and students, written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from inficond_panel.export.exported import Exported
from inficond_panel.export.pocket.folder import MODEL
from inficond_panel.export.pocket.graph import FORMAT, VERSION, pocket_bytes
from inficond_panel.tuning.node import weights_hash

SIDE = 48
CLASSES = ("bicycle", "dog", "boat </script><b>")
#: The first score is high where a photo is red, the second where it is green, the third where blue.
CONCEPTS = ("red wall", "grass & leaf", "חוף ים", "never used by two")


def tiny_trunk() -> bytes:
    """A network from pixels to four features: the means over patches of 8 × 8 after a ReLU."""
    import onnx
    from onnx import TensorProto, helper

    rng = np.random.default_rng(7)
    kernel = rng.normal(0, 0.02, (4, 3, 8, 8)).astype(np.float32)
    for channel in range(3):
        kernel[channel, channel] += 0.02
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Conv", ["pixels", "kernel"], ["patches"], strides=[8, 8]),
        helper.make_node("Relu", ["patches"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "trunk",
        [value("pixels", TensorProto.FLOAT, ["images", 3, SIDE, SIDE])],
        [value("features", TensorProto.FLOAT, ["images", 4])],
        [helper.make_tensor("kernel", TensorProto.FLOAT, kernel.shape, kernel.ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return onnx.ModelProto.SerializeToString(model)


def tiny_pocket(folder: Path, **changed: Any) -> Path:
    """Write a pocket's ONNX file with facts that are changed; return its path."""
    weights = np.array(
        [[2.0, -1.0, 0.0], [-1.5, 3.0, 0.5], [0.25, -0.5, 2.5], [0.0, 0.75, 0.0]]
    )  # concepts × classes
    intercepts = np.array([-1.0, 0.5, -0.25])
    mean = np.array([0.6, 0.5, 0.4, 0.1])
    facts = {
        "format": FORMAT,
        "format_version": VERSION,
        "title": "Tiny <b>scenes</b>",
        "classes": list(CLASSES),
        "concepts": list(CONCEPTS),
        "weights": weights.T.tolist(),
        "intercepts": intercepts.tolist(),
        "base": (intercepts + mean @ weights).tolist(),
        "mean_score": mean.tolist(),
        "spread_of_score": [0.2] * 4,
        "average_precision": {"students": 0.84, "pocket": 0.59, "images": 400},
        "thresholds": [0.5, -0.5, 0.0],
        "task": "multi_label",
        "link": "sigmoid",
        "trunk": {"name": "by hand", "digest": "0", "numbers": "float32"},
        "preprocessing": {
            "size": [SIDE, SIDE],
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "interpolation": "bicubic",
            "crop": 0.0,
        },
        "grey": None,
        "teacher": "none",
        "node": {"id": "abc1234", "number": 2},
        "weights_hash": weights_hash(weights, intercepts),
        "store": {"content_hash": "0"},
        **changed,
    }
    students = Exported(
        weights=weights,
        intercepts=intercepts,
        classes=CLASSES,
        concepts=CONCEPTS,
        thresholds=tuple(facts["thresholds"]),
        card={"versions": {"inficond-panel": "0"}},
        link=facts["link"],
        task=facts["task"],
    )
    layer = np.eye(4, dtype=np.float32) + 0.1
    content = pocket_bytes(tiny_trunk(), layer, np.zeros(4), students, facts, roots=True)
    path = folder / MODEL
    path.write_bytes(content)
    return path


def input_of(photo: Path, steps: dict[str, Any]) -> np.ndarray:
    """The network's input of a photo by Pillow alone: upright, resized without a crop."""
    image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    kind = Image.Resampling[steps["interpolation"].upper()]
    levels = np.asarray(image.resize(tuple(steps["size"]), kind), np.float32) / 255
    return ((levels - steps["mean"]) / steps["std"]).transpose(2, 0, 1)[None].astype(np.float32)


def outputs_of(model: Path, photo: Path) -> dict[str, np.ndarray]:
    """Outputs of a pocket for one photo by onnxruntime, by name, without the images' axis."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    steps = json.loads(session.get_modelmeta().custom_metadata_map["preprocessing"])
    names = [each.name for each in session.get_outputs()]
    values = session.run(names, {"pixels": input_of(photo, steps)})
    return dict(zip(names, (value[0] for value in values), strict=True))


def photo_file(path: Path, width: int, height: int, *, orientation: int = 1) -> Path:
    """A photo of noise, green at the left and red in the lower right quarter."""
    rng = np.random.default_rng(width + height)
    levels = rng.integers(0, 90, (height, width, 3), dtype=np.uint8)
    levels[:, : width // 2, 1] += 120
    levels[height // 2 :, width // 2 :, 0] += 160
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(levels).save(path, exif=exif)
    return path
