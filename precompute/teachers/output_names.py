"""Names of a network's outputs, where its file has them: they are matched with the data set's."""

from __future__ import annotations

import ast
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.package_teachers import TransformersTeacher
from inficond_panel.spec.sections.teacher import NamedOutputs, Teacher
from precompute.teachers.kinds.transformers_models import of_transformers
from precompute.teachers.tables import near_in_list

T = TypeVar("T", bound=Teacher)
#: Entries of a file's metadata that hold names, the first that does counts: ultralytics writes
#: ``names``, also within the ``config.txt`` of a TorchScript file; timm writes ``label_names``.
_ENTRIES = ("names", "classes", "class_names", "id2label", "label_names", "labels", "config.txt")
#: Longest text that is read.
_MOST = 1_000_000
#: What a program writes that knows no names.
_PLACEHOLDER = re.compile(r"(label|class|output)?[ _]?\d*", re.IGNORECASE)


def resolved(section: Teacher, classes: Sequence[str]) -> Any:
    """The section with the names that its file has for the outputs, in the data set's words.

    Other sections, those that name ``classes`` themselves, and files that name none come back as
    they are. Raises ``DataError`` where no output is called as one of ``classes``.
    """
    if isinstance(section, TransformersTeacher):
        return of_transformers(section, classes)
    path = _file_of(section)
    if path is None or getattr(section, "classes", None):
        return section
    if not (names := names_in_file(section.kind, path)):
        return section
    names = in_words_of(names, classes)
    lost = [f"{name!r}{near_in_list(name, names)}" for name in classes if name not in names]
    if lost:
        raise DataError(
            f"{section.title} names its outputs, and none {', '.join(lost)}.",
            "Name the class of each output, in order, as the data set does: teacher.classes.",
        )
    return section_with(section, classes=names)


def names_in_file(kind: str, path: Path) -> list[str]:
    """Names of the outputs in order, as the file of a network has them; [] for none."""
    read = {"onnx": _onnx_texts, "torchscript": _torchscript_texts, "timm": _beside}.get(kind)
    return names_of(read(path)) if read else []


def names_of(texts: Mapping[str, object], nested: bool = True) -> list[str]:
    """Names of outputs in the entries of a file's metadata; [] where no entry has any."""
    for entry in _ENTRIES:
        value = _parsed(texts.get(entry))
        if isinstance(value, dict) and nested and (inner := names_of(value, nested=False)):
            return inner
        names = _in_order(value)
        if names and not any(_PLACEHOLDER.fullmatch(name) for name in names):
            return names
    return []


def in_words_of(names: Sequence[str], classes: Sequence[str]) -> list[str]:
    """The same names, in the spelling of a class where case, ``_`` and ``-`` alone differ."""
    of_plain: dict[str, list[str]] = {}
    for name in classes:
        of_plain.setdefault(plain_name(name), []).append(name)
    found = []
    for name in names:
        alike = of_plain.get(plain_name(name), [])
        taken = name in classes or len(alike) != 1 or alike[0] in names
        found.append(name if taken else alike[0])
    return found


def plain_name(name: str) -> str:
    """A name without case, with blanks for ``_`` and ``-``."""
    return " ".join(re.sub(r"[_-]", " ", name).lower().split())


def _parsed(text: object) -> Any:
    """Value of a text that is JSON, or a literal of Python; None where it is neither."""
    if not isinstance(text, str):
        return text
    if len(text) > _MOST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return None


def _in_order(value: object) -> list[str]:
    """Names of a list, or of a dict by position from 0; [] for what is no list of them."""
    if isinstance(value, dict):
        value = [value.get(i, value.get(str(i))) for i in range(len(value))]
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        return []
    return list(value) if len(set(value)) == len(value) else []


def _onnx_texts(path: Path) -> Mapping[str, str]:
    """Metadata of an ONNX file; {} where it cannot be read, which its loader reports."""
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        return dict(session.get_modelmeta().custom_metadata_map)
    except Exception:  # onnxruntime's own, many kinds
        return {}


def _torchscript_texts(path: Path) -> Mapping[str, str]:
    """Extra files of a TorchScript archive (``_extra_files``); {} where it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                name: archive.read(entry).decode()
                for entry in archive.infolist()
                if entry.file_size <= _MOST
                and (name := entry.filename.partition("/extra/")[2]) in _ENTRIES
            }
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return {}


def _beside(weights: Path) -> Mapping[str, Any]:
    """``config.json`` beside weights, as timm writes it for the hub; {} where there is none."""
    file = weights.with_name("config.json")
    try:
        if file.stat().st_size > _MOST:
            return {}
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    names = config.get("label_names") if isinstance(config, dict) else None
    return {"label_names": names} if names else {}


def _file_of(section: Teacher) -> Path | None:
    """The file whose outputs a section takes; None for a section without one."""
    path = getattr(section, "head", None) or getattr(section, "pretrained", None)
    path = path or getattr(section, "path", None)
    return path if isinstance(path, Path) and isinstance(section, NamedOutputs) else None


def section_with(section: T, **values: Any) -> T:
    """A copy of a section with other values; None leaves a key out."""
    given = {**section.values(), **values}
    return type(section)(**{key: value for key, value in given.items() if value is not None})
