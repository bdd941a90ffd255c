"""Students as npz and as JSON; both hold the whole model card, and neither can run code."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.export.exported import FORMAT_VERSION, Exported

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same students give the same bytes


def npz_bytes(students: Exported) -> bytes:
    """An archive that ``numpy.load(file, allow_pickle=False)`` reads."""
    arrays = {
        "format": np.array("inficond-students"),
        "format_version": np.array(FORMAT_VERSION),
        "weights": students.weights,
        "intercepts": students.intercepts,
        "thresholds": np.array(students.thresholds, dtype=np.float64),
        "classes": np.array(students.classes, dtype=np.str_),
        "concepts": np.array(students.concepts, dtype=np.str_),
        "card": np.array(json.dumps(students.card, ensure_ascii=False)),
        "sha256": np.array(students.sha256),
    }
    return _archive(arrays)


def json_bytes(students: Exported) -> bytes:
    """A JSON document; numbers are written with all their digits."""
    document = {
        "format": "inficond-students",
        "format_version": FORMAT_VERSION,
        "classes": students.classes,
        "concepts": students.concepts,
        "coef": students.weights.T.tolist(),
        "intercept": students.intercepts.tolist(),
        "threshold": students.thresholds,
        "card": students.card,
        "sha256": students.sha256,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def read_json(file: Path) -> dict[str, Any]:
    """Content of a file of ``json_bytes``, by the names of ``npz_bytes``."""
    facts = json.loads(file.read_text(encoding="utf-8"))
    return {
        **facts,
        "weights": np.array(facts["coef"], dtype=np.float64).T,
        "intercepts": facts["intercept"],
        "thresholds": facts["threshold"],
    }


def read_npz(file: Path, most_bytes: int) -> dict[str, Any]:
    """Content of a file of ``npz_bytes``; ``ValueError`` for more than ``most_bytes`` unpacked."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > most_bytes:
            raise ValueError("it is too large")
        facts: dict[str, Any] = {
            entry.filename.removesuffix(".npy"): _array(archive.read(entry)) for entry in entries
        }
    return {**facts, "card": json.loads(str(facts["card"]))}


def _array(data: bytes) -> np.ndarray:
    """Array of an .npy file, which must hold as many values as its header claims."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) == (1, 0):
        header = np.lib.format.read_array_header_1_0(stream)
    else:
        header = np.lib.format.read_array_header_2_0(stream)
    shape, fortran, dtype = header
    values = np.frombuffer(data, dtype, offset=stream.tell())  # refuses objects
    return values.reshape(shape, order="F" if fortran else "C")


def _archive(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(values), allow_pickle=False)
    return buffer.getvalue()
