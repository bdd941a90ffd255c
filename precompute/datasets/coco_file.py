"""Files of instances in the JSON format of COCO, read without what is not needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from inficond_panel.common.reading import INSTANCES_BYTES, read_text
from inficond_panel.errors import DataError

#: All else, such as the outlines, is dropped while a file is read.
_KEPT = frozenset(
    {
        "images", "annotations", "categories",
        "id", "file_name", "name", "image_id", "category_id", "iscrowd",
    }
)  # fmt: skip


def load_document(path: Path, more: AbstractSet[str] = frozenset()) -> Any:
    """Content of a file, of each object only the keys that labels need and those in ``more``.

    Raises ``DataError``.
    """
    kept = _KEPT | more

    def keep(entry: dict[str, Any]) -> dict[str, Any]:
        return {key: entry[key] for key in kept & entry.keys()}

    try:
        return json.loads(read_text(path, INSTANCES_BYTES), object_hook=keep)
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.", "Correct the path in the spec.") from None
    except json.JSONDecodeError as error:
        raise fault(path, f"{error.msg} in line {error.lineno}, column {error.colno}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise fault(path, str(error)) from error
    except MemoryError as error:
        raise fault(path, "it does not fit into memory") from error


def entries(path: Path, document: object, key: str, needed: Sequence[str]) -> list[dict[str, Any]]:
    """Objects of a list of the document, each with texts or numbers for the keys needed."""
    found = document.get(key) if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise fault(path, f"it has no list {key!r}")
    for position, entry in enumerate(found):
        values = [entry.get(name) for name in needed] if isinstance(entry, dict) else [None]
        if not all(isinstance(value, (str, int)) and value != "" for value in values):
            raise fault(path, f"{key}[{position}] lacks {' or '.join(needed)}")
    return found


def fault(path: Path, what: str) -> DataError:
    """Error on a file that is none of instances."""
    return DataError(
        f"{path} is no file of instances as COCO has them: {what}.",
        "Restore it, or write it anew: images, annotations and categories are needed.",
    )
