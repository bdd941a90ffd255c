"""Find all files of an ONNX model: the graph, and the files beside it that hold its weights.

torch.onnx.export writes the weights to a second file, ``NAME.onnx.data``. The files found here are
hashed as the model, and loaded; a graph that names files elsewhere is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inficond_panel.common.files import open_file
from inficond_panel.common.installation import needs
from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError, InficondError

#: Mark of onnxruntime for weights at an address in memory, in place of a file's name.
_IN_MEMORY = "_ORT_MEM_ADDR_"
_EXPORT = "Export the model again, for example with torch.onnx.export."


def onnx_files(path: Path) -> list[Path]:
    """Return the files of an ONNX model: ``path``, then the files with its weights, by name.

    Raises the errors of ``read_onnx``.
    """
    return [path, *read_onnx(path)[1]]


def read_onnx(path: Path) -> tuple[bytes, list[Path]]:
    """Return the graph in an ONNX file as bytes, and the files that hold its weights.

    Raises ``DataError`` for a file that is not ONNX, and for files of weights that are missing or
    outside the model's folder.
    """
    graph = _content(path)
    folder = path.absolute().parent
    names = _locations(path, graph)
    for name in names:
        _check_inside(path, folder, name)
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise DataError(
            f"The weights of {path} are in {listed(missing, 5)}, which is missing beside it.",
            f"Copy {missing[0]} to {folder}: it was written together with the ONNX file.",
        )
    return graph, [folder / name for name in names]


def metadata_of(path: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file; {} if it cannot be read, which loading it reports."""
    try:
        model = _parsed(path, _content(path))
    except InficondError:
        return {}
    return {entry.key: entry.value for entry in model.metadata_props}


def _content(path: Path) -> bytes:
    try:
        with open_file(path) as file:
            return file.read()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.", "Correct teacher.path.") from error


def _parsed(path: Path, content: bytes) -> Any:
    """Return the model in the content of an ONNX file; raise ``DataError`` for other content."""
    with needs("This teacher", "onnx"):
        import onnx
    try:
        return onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own, whose kinds differ between its versions
        raise DataError(f"{path} is not an ONNX model.", _EXPORT) from error


def _locations(path: Path, content: bytes) -> list[str]:
    """Return the names of files with weights in a graph, as they are written there, sorted."""
    names = set[str]()
    for entries in _external(_parsed(path, content)):
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
