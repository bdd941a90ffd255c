"""Students as npz and as JSON; both hold the whole model card, and neither can run code."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

import numpy as np

from inficond_panel.tuning.export.exported import FORMAT_VERSION, Exported

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
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def _archive(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(values), allow_pickle=False)
    return buffer.getvalue()
