"""Read ONNX files: check the graph, and find the files beside it that hold its weights.

They are run by whole_models.py. torch.onnx.export writes the weights to a second file,
``NAME.onnx.data``. The files found here are hashed as the model, and loaded; a graph that names
files elsewhere is refused, and so is one whose operators read files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inficond_panel.common.files import read_bytes
from inficond_panel.common.installation import needs
from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError, InficondError

if TYPE_CHECKING:
    from onnx import ModelProto

#: Mark of onnxruntime for weights at an address in memory, in place of a file's name.
_IN_MEMORY = "_ORT_MEM_ADDR_"
_EXPORT = "Export the model again, for example with torch.onnx.export."
#: Most bytes of a graph: protobuf's own limit. Larger networks keep their weights beside it.
_MOST_BYTES = 2_147_483_647
#: Most values of a tensor that a graph makes from a few numbers: a tenth of a large network.
_MOST_VALUES = 100_000_000
#: Sets of operators that only compute, and their operators that read other files.
_COMPUTING = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
_READING = ("EPContext", "Snpe")


class OnnxFile(NamedTuple):
    """A checked ONNX file: ``content``, the files of its ``weights``, and the parsed ``model``."""

    path: Path
    content: bytes
    weights: list[Path]
    model: ModelProto


def onnx_files(path: Path) -> list[Path]:
    """Return the files of an ONNX model: ``path``, then the files with its weights, by name.

    Raises the errors of ``read_onnx``.
    """
    return [path, *read_onnx(path).weights]


def read_onnx(path: Path) -> OnnxFile:
    """Return the content of an ONNX file, and the files that hold its weights.

    Raises ``DataError`` for a file that is not ONNX or too large, for files of weights that are
    missing or outside the model's folder, and for operators that may do more than compute.
    """
    content = _content(path)
    model = _parsed(path, content)
    _check_operators(path, model)
    _check_values(path, model.graph)
    folder = path.absolute().parent
    names = _locations(path, model)
    for name in names:
        _check_inside(path, folder, name)
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise DataError(
            f"The weights of {path} are in {listed(missing, 5)}, which is missing beside it.",
            f"Copy {missing[0]} to {folder}: it was written together with the ONNX file.",
        )
    return OnnxFile(path, content, [folder / name for name in names], model)


def of_size(path: Path, size: tuple[int, int]) -> bytes:
    """Return an ONNX file in one piece, for one photo of ``size`` (height, width) where the file
    leaves the shape of its input open; raises as ``read_onnx``."""
    import onnx

    read_onnx(path)
    model = onnx.load(path)
    sides = iter(size)
    for i, dim in enumerate(model.graph.input[0].type.tensor_type.shape.dim):
        if not dim.dim_value:
            dim.dim_value = 1 if i == 0 else next(sides, 3)
    return bytes(model.SerializeToString())


def metadata_of(path: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file; {} if it cannot be read, which loading it reports."""
    try:
        model = _parsed(path, _content(path))
    except InficondError:
        return {}
    return metadata_in(model)


def metadata_in(model: ModelProto) -> dict[str, str]:
    """Return the metadata of a parsed ONNX model."""
    return {entry.key: entry.value for entry in model.metadata_props}


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path, _MOST_BYTES)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.", "Correct teacher.path.") from error


def _parsed(path: Path, content: bytes) -> Any:
    """Return the model in the content of an ONNX file; raise ``DataError`` for other content."""
    with needs("This teacher", "onnx"):
        import onnx
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own, whose kinds differ between its versions
        raise DataError(f"{path} is not an ONNX model.", _EXPORT) from error
    if not model.graph.node:  # protobuf reads some other files, and empty ones
        raise DataError(f"{path} is not an ONNX model: it has no graph.", _EXPORT)
    return model


def _nodes_of(graph: Any) -> Iterator[Any]:
    """Yield all nodes of a graph, and of the graphs within its nodes (branches and loops)."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes_of(inner)


def _check_operators(path: Path, model: Any) -> None:
    """Raise ``DataError`` for operators that are neither known to compute only, nor functions that
    the file itself defines."""
    own = {(function.domain, function.name) for function in model.functions}
    nodes = [node for part in (model.graph, *model.functions) for node in _nodes_of(part)]
    strange = [node for node in nodes if (node.domain, node.op_type) not in own]
    strange = [n for n in strange if n.domain not in _COMPUTING or n.op_type in _READING]
    if strange:
        names = dict.fromkeys(f"{node.domain}.{node.op_type}"[:80] for node in strange)
        raise DataError(
            f"{path} is refused: it has operators that may read files or run other code: "
            f"{listed([*names], 5)}.",
            "Export the network with operators of ONNX alone.",
        )


def _check_values(path: Path, graph: Any) -> None:
    """Raise ``DataError`` if the graph makes a tensor of very many values from a few numbers."""
    from onnx import numpy_helper

    inner = [node for node in _nodes_of(graph) if node.op_type in ("ConstantOfShape", "Expand")]
    shapes = {node.input[-1] for node in inner if node.input}
    sizes = [list(one.dims) for one in graph.sparse_initializer]
    try:
        chosen = [one for one in _constants(graph) if one.name in shapes]
        sizes += [numpy_helper.to_array(one).ravel().tolist() for one in chosen]
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged: a constant in it cannot be read.", _EXPORT) from error
    if any(math.prod(map(int, size)) > _MOST_VALUES for size in sizes):
        raise DataError(
            f"{path} is refused: it makes a tensor of more than {_MOST_VALUES:,} values.", _EXPORT
        )


def _constants(graph: Any) -> Iterable[Any]:
    """Yield the small tensors that a graph holds, under the names that its nodes use."""
    yield from (one for one in graph.initializer if not one.external_data and len(one.dims) < 2)
    for node in _nodes_of(graph):
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            tensor = node.attribute[0].t
            tensor.name = node.output[0]
            yield tensor


def _locations(path: Path, model: Any) -> list[str]:
    """Return the names of files with weights in a model, as they are written there, sorted."""
    names = set[str]()
    for entries in _external(model):
        named = [entry.value for entry in entries if entry.key == "location"]
        if len(named) != 1:
            raise DataError(f"{path} names {len(named)} files for one array of weights.", _EXPORT)
        names.add(named[0])
    return sorted(names)


def _external(message: Any) -> Iterator[Any]:
    """Yield the entries on the file of each tensor that is kept in a file, in all of a message."""
    if message.DESCRIPTOR.name == "TensorProto":
        if message.data_location == message.EXTERNAL or message.external_data:
            yield message.external_data
        return
    for field, value in message.ListFields():
        if field.message_type is not None:  # no number or text
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _external(part)


def _check_inside(path: Path, folder: Path, name: str) -> None:
    """Raise ``DataError`` unless the file ``name`` is in the folder of the model ``path``."""
    outside = not (folder / name).resolve().is_relative_to(folder.resolve())
    if outside or Path(name).is_absolute() or _IN_MEMORY in name:
        raise DataError(
            f"{path} is refused: it reads weights from {name!r}, outside its own folder.",
            "Put all files of the model into one folder, without links to other folders.",
        )
