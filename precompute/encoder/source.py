"""Source of an encoder: where its configuration and weights are, and what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from precompute.encoder.hub import (
    cached_folder,
    cached_weights,
    check_name,
    fetch_folder,
    fetch_weights,
    known_tags,
    tag_settings,
)

CONFIG = "open_clip_config.json"
HUB = "hf-hub:"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")


@dataclass(frozen=True)
class Source:
    """``model`` is open_clip's name of the model, or ``local-dir:FOLDER``; ``weights`` a file.

    ``tag`` is the weights' tag where the spec names one; ``online`` is True if what is still
    missing, such as a tokenizer, may be fetched from the hub that the spec names.
    """

    model: str
    weights: Path
    tag: str | None = None
    online: bool = False

    def quick_gelu(self, config: dict[str, Any]) -> bool:
        """True if the model was trained with QuickGELU: by the tag, else by the configuration."""
        return bool(config.get("quick_gelu")) or bool(self._tag_settings().get("quick_gelu"))

    def preprocessing(self) -> dict[str, Any] | None:
        """Mean, std and interpolation of the weights; None: the folder's configuration has them.

        A file for a model by name takes them from the model's tags. Raises ``DataError`` if they
        differ, since a wrong one gives worse vectors without any sign of it.
        """
        if self.model.startswith("local-dir:"):
            return None
        tags = [self.tag] if self.tag else known_tags(self.model)
        known = [tag_settings(self.model, tag) for tag in tags]
        kinds = {json.dumps({k: v[k] for k in _PREPROCESSING if k in v}) for v in known}
        if len(kinds) > 1:
            raise DataError(
                f"The weights that open_clip knows of {self.model} differ in their preprocessing, "
                f"and {self.weights.name} does not say which it needs.",
                f"Put the weights into a folder with their {CONFIG}, and name the folder as "
                f"concepts.encoder.model.",
            )
        return json.loads(kinds.pop()) if kinds else {}

    def _tag_settings(self) -> dict[str, Any]:
        return tag_settings(self.model, self.tag) if self.tag else {}


_PREPROCESSING = ("mean", "std", "interpolation")


def find_source(section: OpenClipEncoder) -> Source:
    """Find what a section names, downloading it where the section names a tag or a

    Raises ``DataError`` for files that are missing and for downloads that fail.
    """
    model, pretrained = section.model, section.pretrained
    if isinstance(model, Path):
        if not (model / CONFIG).is_file():
            raise DataError(
                f"The folder {model} has no {CONFIG}.",
                "Take it from where the weights are from, or name the model as open_clip does.",
            )
        return Source(f"local-dir:{model}", _weights_of(model, pretrained))
    if model.startswith(HUB):
        folder = fetch_folder(model.removeprefix(HUB))
        return Source(f"local-dir:{folder}", _weights_in(folder), online=True)
    check_name(model)
    if isinstance(pretrained, Path):
        if not pretrained.is_file():
            raise DataError(f"There is no file {pretrained}.", "Name the checkpoint's file.")
        return Source(model, pretrained)
    return Source(model, fetch_weights(model, pretrained), pretrained, online=True)


def fetch_open_clip(section: OpenClipEncoder) -> None:
    """Download what a section names by tag or hub; nothing is done for files and what is here."""
    if not isinstance(section.model, Path) and not isinstance(section.pretrained, Path):
        find_source(section)


def open_clip_name(section: OpenClipEncoder) -> str:
    """Name for the store: the checkpoint's for a folder, else the model's and the weights'."""
    if isinstance(section.model, Path):
        return _weights_of(section.model, section.pretrained).stem
    if section.pretrained is None:
        return str(section.model)
    return f"{section.model} ({Path(section.pretrained).name})"


def open_clip_digest(section: OpenClipEncoder) -> str:
    """SHA-256 of what the encoder is: its configuration and the bytes of its weights.

    A model by name counts by it. What is to be downloaded counts by its names until it is here.
    """
    return digest_of(_parts(section))


def _parts(section: OpenClipEncoder) -> list[Path | str]:
    model, pretrained = section.model, section.pretrained
    if isinstance(model, Path):
        weights = _weights_of(model, pretrained)
        return [model / CONFIG, weights]
    if model.startswith(HUB):
        folder = cached_folder(model.removeprefix(HUB))
        return [folder / CONFIG, _weights_in(folder)] if folder else [model]
    if isinstance(pretrained, Path):
        return [model, pretrained]
    return [model, pretrained, *filter(None, [cached_weights(model, pretrained)])]


def _weights_of(folder: Path, pretrained: Path | str | None) -> Path:
    if pretrained is None:
        return _weights_in(folder)
    if not isinstance(pretrained, Path) or not pretrained.is_file():
        raise DataError(
            f"The weights of the folder {folder} are to be a file, but {str(pretrained)!r} is no "
            f"file of weights.",
            "Name the checkpoint's file under concepts.encoder.pretrained.",
        )
    return pretrained


def _weights_in(folder: Path) -> Path:
    files = sorted(path for path in folder.iterdir() if path.suffix in _WEIGHTS)
    safe = [path for path in files if path.suffix == ".safetensors"]
    chosen = safe if len(safe) == 1 else files
    if len(chosen) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise DataError(
            f"The folder {folder} should hold one file of weights; it holds {names}.",
            "Name the file under concepts.encoder.pretrained.",
        )
    return chosen[0]


def _state(path: Path) -> tuple[Path, int, int]:
    """A file, with what changes when it is written."""
    try:
        state = path.stat()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.", "Check concepts.encoder."
        ) from error
    return path, state.st_size, state.st_mtime_ns


def digest_of(parts: Sequence[Path | str]) -> str:
    """SHA-256 of texts and of the bytes of files; ``DataError`` for one that is not there."""
    return _digest(*[_state(part) if isinstance(part, Path) else part for part in parts])


@lru_cache(maxsize=16)
def _digest(*parts: str | tuple[Path, int, int]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
        else:
            with part[0].open("rb") as file:
                while block := file.read(1 << 22):
                    digest.update(block)
    return digest.hexdigest()
