"""ONNX models of students: from concept scores, or from pixels with the encoder included.

Input ``score`` (images, C) float32; outputs ``logits`` and ``probabilities`` (images, K) float64
and ``decisions`` (images, K) bool. With link softmax the probabilities sum to 1, and a logit is
the log-odds of its class: its linear function less the log of the sum of exp of the other classes.
Sums are in float64, so that decisions near a threshold equal Python's. With one class per image the
likeliest class is decided to be present, else the classes above their thresholds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.installation import needs
from inficond_panel.common.numbers import count
from inficond_panel.distill import decision_function
from inficond_panel.errors import DataError, ExportError, InficondError, Remedy
from inficond_panel.export.exported import EXPORT_VERSION, Exported
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX

if TYPE_CHECKING:
    from PIL.Image import Image

#: Versions that runtimes of recent years support.
_OPSET, _IR_VERSION = 17, 8
#: Attributes stored as JSON in the metadata.
_FACTS = ("classes", "concepts", "thresholds", "card")
#: Replaces a term of a sum of exp, to leave the term out.
_NEVER = -1e300


def import_onnx() -> Any:
    """Import and return ``onnx``; ``MissingExtraError`` if it is not installed."""
    with needs("An ONNX file", "onnx"):
        import onnx  # noqa: PLC0415 - an extra
    return onnx


def onnx_bytes(students: Exported) -> bytes:
    """Return the ONNX model from concept scores to decisions, checked, as bytes."""
    return _finished(import_onnx(), students_model(students), students)


def pixel_bytes(students: Exported, scores: bytes) -> bytes:
    """Return the ONNX model from pixels to decisions, checked, as bytes.

    ``scores`` is its part from pixels to ``score`` (images, C), of the same operator set.
    """
    onnx = import_onnx()
    front = onnx.load_model_from_string(scores)
    front.ir_version = _IR_VERSION
    model = onnx.compose.merge_models(
        onnx.compose.add_prefix(front, "pixels/", rename_inputs=False, rename_outputs=False),
        students_model(students),
        io_map=[("score", "score")],
        outputs=["score", "logits", "probabilities", "decisions"],
        producer_name="inficond-panel",
        producer_version=students.card["versions"]["inficond-panel"],
        doc_string="Encoder, segments, concept scores and students, from prepared pixels.",
    )
    return _finished(onnx, model, students)


def students_model(students: Exported) -> Any:
    """Return the ONNX model from concept scores to decisions."""
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
    """Add names, card and hash to ``model``, check it, and return its bytes."""
    facts = {
        "format": "inficond-students",
        "format_version": str(EXPORT_VERSION),
        "sha256": students.sha256,
    }
    for key in _FACTS:
        facts[key] = json.dumps(getattr(students, key), ensure_ascii=False)
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def read_onnx(path: Path) -> dict[str, Any]:
    """Return the arrays and metadata that ``onnx_bytes`` wrote to a file."""
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
    ]
    if single:
        nodes += [
            helper.make_node("ArgMax", ["logits"], ["likeliest"], axis=1, keepdims=1),
            helper.make_node("Equal", ["places", "likeliest"], ["decisions"]),
        ]
    else:
        nodes.append(helper.make_node("Greater", ["logits", "thresholds"], ["decisions"]))
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


def _joint(helper: Any) -> list[Any]:
    """Return the ONNX nodes from linear functions (images, K) to probabilities and log-odds.

    Log-odds need the log of the sum of exp over the other classes. For the largest class the sum
    is computed without it. For another class, in units of exp of the largest, the sum is 1 + (sum
    of the smaller - own term), which loses no digits.
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


#: Name of the format, file of the model, and number of photos that it is checked on.
PIXELS, FILE, PHOTOS = "onnx-pixels", "students-pixels.onnx", 16
#: Allowed differences of logits: median over the photos, and largest. Embeddings are rounded to
#: half precision; an embedding near the middle of two steps may be rounded differently.
TOLERANCE, STEP = 1e-4, 1e-3


def pixel_front(
    tuner: Tuner, students: Exported, progress: Callable[[str], None]
) -> tuple[dict[str, Any], bytes]:
    """Return facts for the card, and the ONNX model from pixels to scores for ``pixel_bytes``.

    The input is a photo after the encoder's preprocessing, (1, 3, H, W) float32. The model is
    compared with ``inficond predict`` on photos of the store. Raises
    ``MissingExtraError`` without torch, onnx or onnxruntime, ``ExportError`` for segments or an
    encoder that ONNX cannot represent, and for logits that differ by more than ``TOLERANCE`` in
    the median of the photos, or more than ``STEP`` on any.
    """
    import_onnx()
    with needs("Checking ONNX files", "onnx"):
        import onnxruntime  # noqa: PLC0415 - an extra
    apply, pixel_scores = _precompute()
    tuner.spec.check_making()
    pixel_scores.check_spec(tuner.spec)
    progress("Loading the encoder")
    scorer = apply.scorer_of(tuner.spec, tuner.store)
    progress("Writing encoder, segments and scores as ONNX")
    front = pixel_scores.scores_onnx(scorer, tuner.store)
    model = pixel_bytes(students, front)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def logits(images: list[Image]) -> np.ndarray:
        pixels = [scorer.encoder.prepare(image)[None] for image in images]
        return np.concatenate([session.run(["logits"], {"pixels": one})[0] for one in pixels])

    return {"file": FILE, **_compared(tuner, scorer, students, logits, progress)}, front


def _compared(
    tuner: Tuner,
    scorer: Any,
    students: Exported,
    logits: Callable[[list[Image]], np.ndarray],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Return facts for the card; ``ExportError`` if ``logits`` differ too much from ``scorer``'s.

    ``logits`` is the exported model, as a function of images."""
    photos, source = _photos(tuner)
    progress(f"Comparing with inficond predict on {count(len(photos), 'photo')}")
    differences = _differences(scorer, students, logits, photos)
    usual, largest = float(np.median(differences)), float(differences.max())
    if not (usual <= TOLERANCE and largest <= STEP):
        raise ExportError(
            f"The exported logits differ from inficond predict by {usual:.1g} (median of "
            f"{count(len(photos), 'photo')} of the store), at most {largest:.1g}; {TOLERANCE:g} "
            f"and {STEP:g} are allowed.",
            "Rounding can change the segments of a photo. Export the students over scores: "
            + Remedy("--format onnx", 'formats="onnx"')
            + "; or make a small network from pixels: "
            + Remedy("inficond pocket SPEC --output FOLDER", "students.pocket(FOLDER)"),
        )
    return {
        "input": [1, 3, *scorer.encoder.size],
        "preprocessing": scorer.encoder.preprocessing,
        "checked_photos": len(photos),
        "checked_on": source,
        "median_logit_difference": usual,
        "largest_logit_difference": largest,
    }


def _precompute() -> tuple[Any, Any]:
    """Import and return ``apply`` and ``pixel_scores``; ``MissingExtraError`` without extras."""
    with needs("Exporting from pixels", "precompute", "onnx"):
        from precompute.pipeline import apply, pixel_scores  # noqa: PLC0415 - an extra
    return apply, pixel_scores


def _photos(tuner: Tuner) -> tuple[dict[str, Image], str]:
    """Return a sample of the store's photos by id, and the kind "photos" or "thumbnails".

    Thumbnails are taken if the files of the photos are missing."""
    apply, _ = _precompute()
    store = tuner.store
    rows = np.unique(np.linspace(0, len(store.images) - 1, PHOTOS).astype(int)).tolist()
    try:
        return apply.photos_of(tuner.spec, [store.images[row] for row in rows]), "photos"
    except InficondError:
        pass
    lacking = store.lacks("photos")
    if tuner.spec.concepts.segments.method == "file":
        lacking = "Segments come from files, which have the photos' sizes."
    if lacking:
        raise DataError(
            f"The model cannot be checked: the data set's photos are missing. {lacking}",
            "Restore the photos at the paths in the spec.",
        )
    return {store.images[row]: store.picture(row) for row in rows}, "thumbnails"


def _differences(
    scorer: Any,
    students: Exported,
    logits: Callable[[list[Image]], np.ndarray],
    photos: dict[str, Image],
) -> np.ndarray:
    """Return, per photo, the largest difference of a logit from ``inficond predict``."""
    names, images = list(photos), list(photos.values())
    differences = []
    for start in range(0, len(images), scorer.size):
        part = slice(start, start + scorer.size)
        score = scorer.score(images[part], names[part])[0].astype(np.float64)
        expected = decision_function(score, students.weights, students.intercepts, students.link)
        differences.append(np.abs(logits(images[part]) - expected).max(1))
    return np.concatenate(differences)
