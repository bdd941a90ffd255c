"""The ONNX file of a pocket: a small network from pixels to scores, decisions, and their reasons.

Input ``pixels`` (images, 3, H, W) float32. Outputs, with C used concepts and K classes: ``score``
(images, C) float32; ``logits``, ``probabilities`` (images, K) float64 and ``decisions`` (images, K)
bool as of ``onnx_file``; ``contributions`` (images, K, C) float64, which are weight × (score - mean
score): what each concept adds to a logit beside an average image. With the link sigmoid a logit is
the sum of its contributions and ``base`` (K,) of the metadata. All operators are of ONNX's own set
17, so that onnxruntime-web runs them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.installation import needs
from inficond_panel.export.exported import Exported
from inficond_panel.export.onnx_file import import_onnx, students_model

#: Value of the key ``format`` of a pocket's metadata, and the version of that format.
FORMAT, VERSION = "inficond-pocket", 1
POCKET_OUTPUTS = ("score", "logits", "probabilities", "decisions", "contributions")
#: Photos that calibrate a network of 8-bit integers.
CALIBRATION = 128


def pocket_bytes(
    trunk: bytes,
    weight: np.ndarray,
    bias: np.ndarray,
    students: Exported,
    facts: Mapping[str, Any],
    *,
    roots: bool,
) -> bytes:
    """Return the ONNX model of a pocket, checked, as bytes.

    ``trunk`` is the model from ``pixels`` to ``features`` (images, F), ``weight`` ``(F, C)`` and
    ``bias`` ``(C,)`` lead to the scores of the students' concepts, from the features or, with
    ``roots``, from their square roots. ``facts`` are plain data for the
    metadata, one JSON text per key; ``mean_score`` (C,) is needed.
    """
    onnx = import_onnx()
    helper, tensor = onnx.helper, onnx.TensorProto
    front = onnx.load_model_from_string(trunk)
    back = students_model(students)
    front.ir_version = back.ir_version
    version = students.card["versions"]["inficond-panel"]
    known = {"producer_name": "inficond-panel", "producer_version": version}
    prefixed = _prefixed(onnx, front, "trunk/")
    scores = helper.make_model(
        _scores(helper, tensor, weight, bias, roots), opset_imports=back.opset_import
    )
    scores.ir_version = back.ir_version
    merged = onnx.compose.merge_models(prefixed, scores, io_map=[("features", "features")])
    model = onnx.compose.merge_models(
        merged, back, io_map=[("score", "score")], outputs=["score", *POCKET_OUTPUTS[1:-1]], **known
    )
    _add_contributions(helper, tensor, model.graph, students, np.asarray(facts["mean_score"]))
    onnx.helper.set_model_props(
        model, {key: json.dumps(value, ensure_ascii=False) for key, value in facts.items()}
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _prefixed(onnx: Any, model: Any, prefix: str) -> Any:
    """Return a model whose inner names have a prefix; inputs and outputs keep theirs."""
    return onnx.compose.add_prefix(model, prefix, rename_inputs=False, rename_outputs=False)


def _scores(helper: Any, tensor: Any, weight: np.ndarray, bias: np.ndarray, roots: bool) -> Any:
    """Return the graph from features to scores: one linear layer in float32."""
    root = [helper.make_node("Sqrt", ["features"], ["feature_roots"])] if roots else []
    taken = "feature_roots" if roots else "features"
    arrays = {"concept_weight": weight.astype(np.float32), "concept_bias": bias.astype(np.float32)}
    value = helper.make_tensor_value_info
    return helper.make_graph(
        [*root, helper.make_node("Gemm", [taken, *arrays], ["score"])],
        "concepts",
        [value("features", tensor.FLOAT, ["images", weight.shape[0]])],
        [value("score", tensor.FLOAT, ["images", weight.shape[1]])],
        [
            helper.make_tensor(name, tensor.FLOAT, each.shape, each.ravel())
            for name, each in arrays.items()
        ],
    )


def _add_contributions(
    helper: Any, tensor: Any, graph: Any, students: Exported, mean: np.ndarray
) -> None:
    """Add the output ``contributions`` to a graph that has ``score64`` (images, C)."""
    concepts, classes = students.weights.shape
    by_class = students.weights.T[None]
    graph.initializer.extend(
        [
            helper.make_tensor("mean_score", tensor.DOUBLE, mean.shape, mean.ravel()),
            helper.make_tensor("class_weights", tensor.DOUBLE, by_class.shape, by_class.ravel()),
            helper.make_tensor("class_axis", tensor.INT64, [1], [1]),
        ]
    )
    graph.node.extend(
        [
            helper.make_node("Sub", ["score64", "mean_score"], ["centred"]),
            helper.make_node("Unsqueeze", ["centred", "class_axis"], ["centred_of_each"]),
            helper.make_node("Mul", ["centred_of_each", "class_weights"], ["contributions"]),
        ]
    )
    graph.output.append(
        helper.make_tensor_value_info("contributions", tensor.DOUBLE, ["images", classes, concepts])
    )


def quantized(trunk: bytes, photos: Iterator[np.ndarray]) -> bytes:
    """Return a trunk with 8-bit activations, and weights of 7 bits in 8; ranges are those on
    prepared ``photos`` ``(3, H, W)``. Raises ``MissingExtraError`` without onnxruntime."""
    with needs("A model of 8-bit integers", "onnx"):
        from onnxruntime import quantization  # noqa: PLC0415 - an extra
        from onnxruntime.quantization import shape_inference  # noqa: PLC0415 - an extra

    class Reader:
        """Inputs of the calibration, as onnxruntime asks for them."""

        def get_next(self) -> dict[str, np.ndarray] | None:
            photo = next(photos, None)
            return None if photo is None else {"pixels": photo[None]}

    with tempfile.TemporaryDirectory() as folder:
        plain, ready, small = (
            Path(folder) / f"{name}.onnx" for name in ("plain", "ready", "small")
        )
        plain.write_bytes(trunk)
        shape_inference.quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(ready),
            str(small),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,  # weights of 7 bits: processors without VNNI sum products in 16
            weight_type=quantization.QuantType.QInt8,
            activation_type=quantization.QuantType.QUInt8,
        )
        return small.read_bytes()


def session_of(model: bytes | Path, threads: int = 1) -> Any:
    """Return an onnxruntime session of a model on the CPU; ``MissingExtraError`` without it."""
    with needs("Running ONNX files", "onnx"):
        import onnxruntime  # noqa: PLC0415 - an extra
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    given = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
