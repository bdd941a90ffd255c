"""Load teachers from one file (TorchScript or ONNX) or from a Python function."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.devices import CPU, onnx_providers, torch_device
from inficond_panel.common.installation import needs
from inficond_panel.common.near_words import listed
from inficond_panel.common.teacher_outputs import outputs_of
from inficond_panel.common.user_code import fault_text
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.functions import FunctionTeacher as FunctionSection
from inficond_panel.spec.sections.teacher import OnnxTeacher as OnnxSection
from inficond_panel.spec.sections.teacher import TorchScriptTeacher
from precompute.encoder.function_encoder import FunctionEncoder
from precompute.encoder.image import Preprocessing
from precompute.functions import load_function
from precompute.teachers.onnx_file import OnnxFile, read_onnx
from precompute.teachers.onnx_graph import (
    OnnxInput,
    check_end,
    check_preprocessing,
    classifying,
    input_of,
)
from precompute.teachers.tables import from_probabilities
from precompute.teachers.teacher import (
    OutputsError,
    RunError,
    TorchTeacher,
    check_outputs,
    columns_of,
    own_or_given,
)
from precompute.teachers.torchscript_file import checked_archive


def load_torchscript(
    section: TorchScriptTeacher, classes: Sequence[str], device: str = CPU
) -> TorchTeacher:
    """Load the TorchScript file that a spec's section names, as a teacher."""
    with needs("This teacher", "precompute"):
        import torch
    hardware = torch_device(device)
    archive = checked_archive(section.path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch deprecates TorchScript
            network = torch.jit.load(archive, map_location=hardware).eval()
    except Exception as error:  # torch's own, many kinds for a damaged file
        reason = (str(error) or type(error).__name__).splitlines()[0][:300]
        raise DataError(
            f"{section.path} is not TorchScript: {reason}",
            "Write it with torch.jit.trace(model.eval(), example).save(path).",
        ) from error
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return TorchTeacher(
        network,
        own_or_given(section.preprocessing, {}),
        *columns_of(classes, section.classes, section.softmax),
        section.outputs == "probabilities",
        section.softmax,
        device=hardware,
    )


@dataclass(frozen=True)
class OnnxTeacher:
    """A teacher from an ONNX file; ``given`` is the network's input, and ``tensor`` a tensor of the
    graph that the ``session`` gives too ("": none)."""

    session: Any
    given: OnnxInput
    preprocessing: Preprocessing
    columns: tuple[int, ...]
    outputs: int
    probabilities: bool
    softmax: bool
    tensor: str = ""
    differentiable: bool = False

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return logits ``(B, K)`` of inputs ``(B, 3, H, W)``."""
        values = self.outputs_on(images)[0][:, list(self.columns)].astype(np.float32)
        return from_probabilities(values, self.softmax) if self.probabilities else values

    def outputs_on(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all outputs ``(B, K)`` of inputs ``(B, 3, H, W)``, and ``tensor`` ``(B, ...)``."""
        size = self.given.batch or len(images)
        parts = [self._run(images[i : i + size], size) for i in range(0, len(images), size)]
        outputs, tensors = zip(*parts, strict=True)
        return np.concatenate(outputs), np.concatenate(tensors)

    def _run(self, images: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return outputs, and ``tensor``, of at most ``size`` photos; the batch is filled up with
        zeros."""
        filled = np.zeros((size, *images.shape[1:]), np.float32)
        filled[: len(images)] = images
        try:
            outputs = self.session.run(None, {self.given.name: self.given.arranged(filled)})
        except Exception as error:  # onnxruntime's own, many kinds
            raise RunError(
                f"The teacher fails on photos {filled.shape}: {str(error).splitlines()[0]}",
                "Correct teacher.preprocessing, first of all its size.",
            ) from error
        names = [output.name for output in self.session.get_outputs()]
        given = outputs[names.index(self.tensor)] if self.tensor else np.zeros((size, 0))
        return self._logits(outputs, size)[: len(images)], np.asarray(given)[: len(images)]

    def _logits(self, outputs: Sequence[Any], size: int) -> np.ndarray:
        """Return the first output with a row per photo and a column per class ``(size, K)``.

        Raises ``OutputsError``, with the shapes of all outputs, if there is none."""
        arrays = [_without_places(np.asarray(values)) for values in outputs]
        fitting = [values for values in arrays if values.shape == (size, self.outputs)]
        try:
            return check_outputs((fitting or arrays)[0], size, self.outputs)
        except OutputsError as error:
            if len(arrays) > 1:
                named = zip(self.session.get_outputs(), arrays, strict=True)
                shapes = [f"{output.name} {values.shape}" for output, values in named]
                error.message = f"{error.message} Its outputs are {listed(shapes, 5)}."
            raise


def _without_places(values: np.ndarray) -> np.ndarray:
    """Return outputs ``(n, K, 1, 1)``, as of a last convolution, as ``(n, K)``."""
    one_place = values.ndim > 2 and set(values.shape[2:]) == {1}
    return values.reshape(values.shape[:2]) if one_place else values


def load_onnx(
    section: OnnxSection, classes: Sequence[str], device: str = CPU, tensor: str = ""
) -> OnnxTeacher:
    """Load a spec's ONNX file as a teacher: an input of photos, channels first or last, and an
    output (B, K). The teacher also gives ``tensor``, which may be any of the graph.

    onnxruntime gets the graph that ``read_onnx`` checked, and the folder of its weights."""
    with needs("This teacher", "onnx"):
        import onnxruntime  # noqa: F401 - before the file is read
    file, given = check_onnx(section)
    columns = columns_of(classes, section.classes, section.softmax)
    output = classifying(file, columns[1])
    if section.outputs is None:
        check_end(section.path, output)
    session = _session(_giving(file, tensor) if tensor else file, device)
    probabilities = section.outputs == "probabilities"
    preprocessing = own_or_given(section.preprocessing, {})
    facts = preprocessing, *columns, probabilities, section.softmax
    return OnnxTeacher(session, given, *facts, tensor)


def _giving(file: OnnxFile, tensor: str) -> OnnxFile:
    """Return a file whose graph has a ``tensor`` as output, too."""
    model = type(file.model)()
    model.CopyFrom(file.model)
    if tensor not in [output.name for output in model.graph.output]:
        model.graph.output.add().name = tensor
    return file._replace(content=model.SerializeToString())


def _session(file: OnnxFile, device: str) -> Any:
    """Return onnxruntime's session of a checked file; raise ``DataError`` if it cannot run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.use_deterministic_compute = True
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the same bits everywhere
    options.log_severity_level = 4  # no log lines: errors are raised as DataError
    providers = onnx_providers(device, onnxruntime.get_available_providers())
    folder = str(file.path.absolute().parent)
    options.add_session_config_entry("session.load_model_format", "ONNX")
    if file.weights:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", folder
        )
    try:
        session = onnxruntime.InferenceSession(file.content, options, providers=providers)
    except Exception as error:  # onnxruntime's own, many kinds
        raise DataError(
            f"{file.path} is not an ONNX model that can be run: {_reason(error)}",
            "Export the model again, for example with torch.onnx.export.",
        ) from error
    return session


def check_onnx(section: OnnxSection) -> tuple[OnnxFile, OnnxInput]:
    """Return a spec's ONNX file and its input; raise ``DataError`` for a file that is no network on
    photos, and for photos that the spec prepares otherwise than the file states."""
    file = read_onnx(section.path)
    given = input_of(file)
    check_preprocessing(section.path, given, own_or_given(section.preprocessing, {}))
    return file, given


def _reason(error: Exception) -> str:
    """Return the last part of onnxruntime's first line, without codes and places in its source."""
    first = (str(error) or type(error).__name__).splitlines()[0]
    return first.rpartition(" : ")[2].removeprefix("This is an invalid model. Error: ")[-300:]


@dataclass(frozen=True)
class AsItIs:
    """Preprocessing that changes nothing, for a Python function that takes the photos."""

    def prepare(self, image: Image.Image) -> Image.Image:
        """Return the RGB photo unchanged."""
        return image

    def plain(self) -> dict[str, Any]:
        """Return {}: this preprocessing has no settings."""
        return {}


@dataclass(frozen=True)
class FunctionTeacher:
    """A Python function as a teacher: from a list of RGB photos to outputs (n, K). One thread at a
    time calls the function, since it need not be thread-safe."""

    function: Callable[[list[Image.Image]], Any]
    name: str
    columns: tuple[int, ...]
    outputs: int
    probabilities: bool
    softmax: bool
    preprocessing: AsItIs = AsItIs()
    differentiable: bool = False
    lock: Any = field(default_factory=threading.Lock, compare=False)

    def logits(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return logits ``(B, K)`` float32 of photos; raise ``DataError`` if the function fails."""
        try:
            with self.lock:
                outputs = self.function(list(images))
        except (Exception, SystemExit) as error:  # the user's function may raise anything
            raise DataError(
                f"{self.name} fails on {len(images)} photos: {fault_text(error)}",
                "Return logits (photos, classes) for a list of Pillow's RGB images.",
            ) from error
        values = check_outputs(outputs_of(outputs, self.name), len(images), self.outputs)
        chosen = values[:, list(self.columns)]
        return from_probabilities(chosen, self.softmax) if self.probabilities else chosen


def load_python(section: FunctionSection, classes: Sequence[str], _: str) -> FunctionTeacher:
    """Load the Python function that a spec names, as a teacher; it chooses its device itself.

    Raises ``DataError`` if Python code is not allowed or the function is missing.
    """
    function, name = load_function(section), section.title
    columns, outputs = columns_of(classes, section.classes, section.softmax)
    probabilities = section.outputs == "probabilities"
    return FunctionTeacher(function, name, columns, outputs, probabilities, section.softmax)


@dataclass(frozen=True)
class OfFunction:
    """Preprocessing of an encoder that a Python function made."""

    encoder: FunctionEncoder

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Return a photo as the encoder takes it."""
        return self.encoder.prepare(image)

    def plain(self) -> dict[str, Any]:
        """Return the settings of the preprocessing as JSON."""
        return self.encoder.preprocessing


@dataclass(frozen=True)
class PhotoVectors:
    """Whole photos by an encoder that a Python function made, as the network of heads."""

    encoder: FunctionEncoder
    differentiable: bool = False

    @property
    def preprocessing(self) -> OfFunction:
        """Preprocessing of the encoder."""
        return OfFunction(self.encoder)

    @property
    def outputs(self) -> int:
        """Length of a vector."""
        return self.encoder.width

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return unit vectors ``(B, embed)`` float32 of prepared photos."""
        return self.encoder.whole(np.asarray(images))
