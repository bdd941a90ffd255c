"""Students as an ONNX model, made node by node.

Input ``score`` (images, C) float32; outputs ``logits`` and ``probabilities`` (images, K) float64
and ``decisions`` (images, K) bool. With link softmax the probabilities add up to 1, and a logit is
the log-odds of its class: its linear function less the log of the sum of the others' exp. The sums
are in float64, so that an image near a threshold is decided as here. With one class per image the
likeliest class is decided to be present, else those above their thresholds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.installation import missing_extra
from inficond_panel.export.exported import FORMAT_VERSION, Exported
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX

#: Old enough for runtimes of the last years.
_OPSET, _IR_VERSION = 17, 8
#: Facts in the metadata, as JSON.
_FACTS = ("classes", "concepts", "thresholds", "card")
#: In place of a class's own function, takes it out of a sum of exp.
_NEVER = -1e300


def import_onnx() -> Any:
    """The package ``onnx``; ``MissingExtraError`` where it is not installed."""
    try:
        import onnx  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise missing_extra("An ONNX file", error, "onnx") from error
    return onnx


def onnx_bytes(students: Exported) -> bytes:
    """The checked model."""
    return _finished(import_onnx(), _model(students), students)


def pixel_bytes(students: Exported, scores: bytes) -> bytes:
    """The checked model behind one that gives their ``score``: its inputs, and all outputs.

    ``scores`` is an ONNX model of the same operator set whose output ``score`` is (images, C).
    """
    onnx = import_onnx()
    front = onnx.load_model_from_string(scores)
    front.ir_version = _IR_VERSION
    model = onnx.compose.merge_models(
        onnx.compose.add_prefix(front, "pixels/", rename_inputs=False, rename_outputs=False),
        _model(students),
        io_map=[("score", "score")],
        outputs=["score", "logits", "probabilities", "decisions"],
        producer_name="inficond-panel",
        producer_version=students.card["versions"]["inficond-panel"],
        doc_string="Encoder, segments, concept scores and students, from prepared pixels.",
    )
    return _finished(onnx, model, students)


def _model(students: Exported) -> Any:
    onnx = import_onnx()
    return onnx.helper.make_model(
        _graph(onnx.helper, onnx.TensorProto, students),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="inficond-panel",
        producer_version=students.card["versions"]["inficond-panel"],
        doc_string=f"Concept students: linear, one a class, over concept scores; {students.link}.",
    )


def _finished(onnx: Any, model: Any, students: Exported) -> bytes:
    """The model with names, card and hash in it, checked."""
    facts = {
        "format": "inficond-students",
        "format_version": str(FORMAT_VERSION),
        "sha256": students.sha256,
    }
    for key in _FACTS:
        facts[key] = json.dumps(getattr(students, key), ensure_ascii=False)
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def read_onnx(path: Path) -> dict[str, Any]:
    """The arrays and metadata that ``onnx_bytes`` put into a file."""
    onnx = import_onnx()
    model = onnx.load_model(path, load_external_data=False)
    tensors = model.graph.initializer
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
        raise ValueError("its arrays are in other files")
    entries = {entry.key: entry.value for entry in model.metadata_props}
    facts = {key: json.loads(entries[key]) for key in _FACTS}
    return {
        **entries,
        **facts,
        **{tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in tensors},
    }


def _graph(helper: Any, tensor: Any, students: Exported) -> Any:
    concepts, classes = students.weights.shape
    joint, single = students.link == SOFTMAX, students.task == SINGLE_LABEL
    linear = "linear" if joint else "logits"
    nodes = [
        helper.make_node("Cast", ["score"], ["score64"], to=tensor.DOUBLE),
        helper.make_node("Gemm", ["score64", "weights", "intercepts"], [linear]),
        *(_joint(helper) if joint else [helper.make_node("Sigmoid", [linear], ["probabilities"])]),
        *(_likeliest(helper) if single else [_above_thresholds(helper)]),
    ]
    constants = {
        "weights": students.weights,
        "intercepts": students.intercepts,
        **({} if single else {"thresholds": np.array(students.thresholds)}),
        **({"never": np.array([_NEVER]), "one": np.ones(1)} if joint else {}),
    }
    initializers = [
        helper.make_tensor(name, tensor.DOUBLE, values.shape, values.ravel())
        for name, values in constants.items()
    ]
    if joint or single:
        places = range(classes)
        initializers.append(helper.make_tensor("places", tensor.INT64, [classes], places))
    value = helper.make_tensor_value_info
    outputs = {"logits": tensor.DOUBLE, "probabilities": tensor.DOUBLE, "decisions": tensor.BOOL}
    return helper.make_graph(
        nodes,
        "students",
        [value("score", tensor.FLOAT, ["images", concepts])],
        [value(name, kind, ["images", classes]) for name, kind in outputs.items()],
        initializers,
    )


def _above_thresholds(helper: Any) -> Any:
    return helper.make_node("Greater", ["logits", "thresholds"], ["decisions"])


def _likeliest(helper: Any) -> list[Any]:
    """Nodes from the logits to the decisions, of which one per image is true."""
    return [
        helper.make_node("ArgMax", ["logits"], ["likeliest"], axis=1, keepdims=1),
        helper.make_node("Equal", ["places", "likeliest"], ["decisions"]),
    ]


def _joint(helper: Any) -> list[Any]:
    """Nodes from the linear functions (images, K) to probabilities and log-odds of all classes.

    A class's log-odds need the log of the sum of the others' exp. Of the largest, in units of its
    own exp, it is taken without it; of any other, 1 + (that - its own), where no digits are lost:
    a difference from the sum of all would lose those of the largest.
    """
    node = helper.make_node
    return [
        node("Softmax", ["linear"], ["probabilities"], axis=1),
        node("ReduceMax", ["linear"], ["largest"], axes=[1], keepdims=1),
        node("ArgMax", ["linear"], ["place"], axis=1, keepdims=1),
        node("Equal", ["places", "place"], ["is_largest"]),
        node("Where", ["is_largest", "never", "linear"], ["smaller"]),
        node("ReduceLogSumExp", ["smaller"], ["rest"], axes=[1], keepdims=1),
        node("Sub", ["rest", "largest"], ["rest_below"]),
        node("Exp", ["rest_below"], ["rest_share"]),
        node("Sub", ["smaller", "largest"], ["below"]),
        node("Exp", ["below"], ["share"]),
        node("Sub", ["rest_share", "share"], ["other_share"]),
        node("Add", ["other_share", "one"], ["others_share"]),
        node("Log", ["others_share"], ["others_log"]),
        node("Add", ["others_log", "largest"], ["others_of_smaller"]),
        node("Where", ["is_largest", "rest", "others_of_smaller"], ["others"]),
        node("Sub", ["linear", "others"], ["logits"]),
    ]
